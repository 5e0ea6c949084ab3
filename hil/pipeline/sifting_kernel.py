"""Bob's rules for dead detectors and several clicks in one pass, compiled by numba; :mod:`hil.pipeline.sifting` has numpy's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hil.compiled import kernel

if TYPE_CHECKING:
    import numpy.typing as npt

    Bytes = npt.NDArray[np.uint8]

__all__ = ["pulses_with_several", "settled"]


@kernel
def pulses_with_several(index: npt.NDArray[np.int64], usable: npt.NDArray[np.bool_], blind: int, first: int) -> int:
    """Pulses with more than one usable click, outside the ``blind`` pulses after any click; before ``first`` was one."""
    several = 0
    start = 0
    before = first - 1
    while start < index.size:
        pulse = index[start]
        end = start
        kept = 0
        while end < index.size and index[end] == pulse:
            if usable.size == 0 or usable[end]:
                kept += 1
            end += 1
        if pulse - before > blind and kept > 1:
            several += 1
        before = pulse
        start = end
    return several


@kernel
def settled(
    clicks: tuple[npt.NDArray[np.int64], Bytes, npt.NDArray[np.bool_]],
    blind: tuple[int, int],
    roles: Bytes,
    random: Bytes,
    found: tuple[npt.NDArray[np.int64], Bytes, Bytes],
) -> tuple[int, int, int, int]:
    """Fill in index, basis and bit of every event; how many, dead clicks, crossed pulses, doubled pulses.

    ``clicks``: index, detector, usable or empty; ``blind``: so many pulses after any click, and the first pulse of the block.
    ``roles``: basis and bit of each detector, shape (d, 2); ``random``: a bit for each pulse with several clicks.
    """
    index, detector, usable = clicks
    blind_pulses, first = blind
    of_index, of_basis, of_bit = found
    events = dead = crossed = doubled = several = 0
    start = 0
    before = first - 1
    while start < index.size:
        pulse = index[start]
        live = pulse - before > blind_pulses
        end = start
        kept = ones = other_basis = 0
        basis = np.uint8(0)
        while end < index.size and index[end] == pulse:
            if usable.size == 0 or usable[end]:
                if kept == 0:
                    basis = roles[detector[end], 0]
                kept += 1
                other_basis += roles[detector[end], 0] != basis
                ones += roles[detector[end], 1] == 1
            end += 1
        before = pulse
        start = end
        if not live:
            dead += kept
            continue
        if kept == 0:
            continue
        place = several
        several += kept > 1
        if other_basis > 0:
            crossed += 1
            continue
        of_index[events] = pulse
        of_basis[events] = basis
        if 0 < ones < kept:
            of_bit[events] = random[place]
            doubled += 1
        else:
            of_bit[events] = ones > 0
        events += 1
    return events, dead, crossed, doubled
