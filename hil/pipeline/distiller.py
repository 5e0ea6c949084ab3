"""The two ends of the key pipeline: raw detections in, keys with their ledger out.

::

    Bob    Hello, Detections                  who and where; index and basis of every event
    Alice  Hello, Bases                       which were prepared so; intensities, bits of the test basis
    Bob    TestErrors                         both decide from the same numbers whether the block can give key
    both   Pass, Ask, Parities, Halves ...    Cascade, led by Bob
    Bob    Corrected                          errors of the key basis
    Alice  Amplify, Seal                      hash of her key, Toeplitz seed; tag over all she said
    Bob    Confirm, Seal                      his key agrees; tag over all he said; in doubt from here on
    Alice  Seal                               released; without it Bob asks at the start of the next block
"""

from __future__ import annotations

from hil.pipeline.alice import Alice
from hil.pipeline.bob import Bob

__all__ = ["Alice", "Bob"]
