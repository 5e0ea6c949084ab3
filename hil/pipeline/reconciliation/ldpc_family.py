"""Which share of a code's columns has how many entries, by the share of checks.

Found by density evolution of the decoder as it computes, on a binary symmetric channel: :mod:`.ldpc_design` does it again.
Between two members of the family everything is interpolated.
"""

from __future__ import annotations

from bisect import bisect
from dataclasses import dataclass

__all__ = ["COLUMNS", "DEGREES", "FAMILY", "LEAST_ROWS", "MOST_ROWS", "Member", "column_degrees", "member"]

COLUMNS = 512
DEGREES = (2, 3, 5, 10, 30)
LEAST_ROWS, MOST_ROWS = 16, 480


@dataclass(frozen=True)
class Member:
    """``checks_per_bit``, and the share of columns with as many entries as :data:`DEGREES` says.

    ``threshold``: the error ratio up to which frames without end are corrected. ``planned``: up to which frames of 2^18 bits
    are given to it, as measured: nearly all of them are corrected in the first round.
    """

    checks_per_bit: float
    shares: tuple[float, ...]
    threshold: float
    planned: float


FAMILY = (
    Member(0.03125, (0.0222, 0.5513, 0.0741, 0.2619, 0.0904), 0.00273, 0.00265),
    Member(0.05, (0.0222, 0.5513, 0.0741, 0.2619, 0.0904), 0.00501, 0.00491),
    Member(0.09, (0.0774, 0.5482, 0.0490, 0.2448, 0.0806), 0.01055, 0.01032),
    Member(0.15, (0.1333, 0.5324, 0.0510, 0.2013, 0.0819), 0.02013, 0.01943),
    Member(0.22, (0.1901, 0.4933, 0.0694, 0.1721, 0.0751), 0.03310, 0.03160),
    Member(0.32, (0.2514, 0.4707, 0.0617, 0.1535, 0.0627), 0.05498, 0.05180),
    Member(0.44, (0.2889, 0.4935, 0.0240, 0.1372, 0.0564), 0.08612, 0.08110),
    Member(0.56, (0.3088, 0.5237, 0.0066, 0.1237, 0.0373), 0.12471, 0.11250),
    Member(0.75, (0.4117, 0.4837, 0.0015, 0.1006, 0.0024), 0.19758, 0.17800),
)


def member(checks_per_bit: float) -> Member:
    """Between two of the family, or the nearest."""
    above = bisect([one.checks_per_bit for one in FAMILY], checks_per_bit)
    if above in {0, len(FAMILY)}:
        return FAMILY[min(above, len(FAMILY) - 1)]
    low, high = FAMILY[above - 1], FAMILY[above]
    part = (checks_per_bit - low.checks_per_bit) / (high.checks_per_bit - low.checks_per_bit)

    def between(one: float, other: float) -> float:
        return (1.0 - part) * one + part * other

    shares = tuple(between(one, other) for one, other in zip(low.shares, high.shares, strict=True))
    return Member(checks_per_bit, shares, between(low.threshold, high.threshold), between(low.planned, high.planned))


def column_degrees(rows: int) -> list[int]:
    """Entries of each column of a base matrix with so many rows, ascending."""
    shares = member(rows / COLUMNS).shares
    counts = [int(share * COLUMNS) for share in shares]
    parts = sorted(range(len(shares)), key=lambda number: counts[number] - shares[number] * COLUMNS)
    for number in parts[: COLUMNS - sum(counts)]:
        counts[number] += 1
    # more columns of two would have to close a cycle among themselves
    spare = max(0, counts[0] - (rows - 1))
    counts[0], counts[1] = counts[0] - spare, counts[1] + spare
    return [min(degree, rows - 1) for degree, count in zip(DEGREES, counts, strict=True) for _ in range(count)]
