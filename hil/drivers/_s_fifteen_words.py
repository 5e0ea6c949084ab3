"""Time stamps of a TDC1: words of 32 bits, little endian.

27 bits of time in steps of 2 ns, which roll over every 268 ms, a bit that says that nothing clicked, and one for each input
that did. As in the maker's own library (pyS15, usb_counter_fpga.py, read_timestamps_bin).
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from hil.errors import ReplyError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["INPUTS", "TICK_S", "events"]

INPUTS = 4
TICK_S = Fraction(2, 10**9)
_TURN = 1 << 27
_NOTHING = 0x10


def events(device: str, stream: bytes) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """Ticks since the stream began, and inputs (from 0); several inputs of one word are several clicks. Or ReplyError."""
    import numpy as np

    if len(stream) % 4:
        raise ReplyError(device, f"time stamps of {len(stream)} bytes; expected words of four")
    words = np.frombuffer(stream, dtype="<u4").astype(np.int64)
    steps = words >> 5
    ticks = steps + _TURN * np.concatenate([np.zeros(min(words.size, 1), dtype=np.int64), np.cumsum(np.diff(steps) < 0)])
    clicked = (words[:, None] >> np.arange(INPUTS) & 1).astype(np.bool_) & (words & _NOTHING == 0)[:, None]
    word, number = np.nonzero(clicked)
    return ticks[word], number.astype(np.uint8)
