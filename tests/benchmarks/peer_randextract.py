"""Toeplitz hashing by randextract, in an interpreter that has it; prints a digest of its output and what it took as JSON.

Called by ``test_benchmark_amplification.py`` with the paths of input and seed, packed, and their lengths in bits.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

__all__ = ["main"]


def main(folder: Path, length: int, output: int) -> dict[str, Any]:
    """SHA-256 of the packed product, processor seconds, version; our seed names the matrix by rows from the last column on."""
    import numpy as np
    from randextract import ToeplitzHashing

    bits, seed = (
        np.unpackbits(np.frombuffer((folder / name).read_bytes(), dtype=np.uint8), count=count)
        for name, count in (("bits", length), ("seed", length + output - 1))
    )
    # theirs is M[i, j] = seed[i - j], indices below zero from the end; ours is M[i, j] = seed[i - j + length - 1]
    theirs = np.roll(seed, -(length - 1))
    began = time.process_time()
    product = np.asarray(ToeplitzHashing(length, output).extract(bits, theirs)).astype(np.uint8)
    taken = time.process_time() - began
    digest = hashlib.sha256(np.packbits(product).tobytes()).hexdigest()
    return {"version": metadata.version("randextract"), "digest": digest, "taken_s": taken}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
