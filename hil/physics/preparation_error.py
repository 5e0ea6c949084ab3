"""What wrongly prepared states cost in errors.

Source: for a qubit turned by an angle delta on the Bloch sphere the opposite outcome has probability sin²(delta / 2)
(Born's rule; delta is the modulation angle error of A. Huang et al., arXiv:2205.11870). Valid for errors of transmitter and
receiver that are independent, so that two of them cancel.
"""

from __future__ import annotations

import math

__all__ = ["combined_error", "extinction_error", "preparation_error"]


def preparation_error(angle_rad: float) -> float:
    """Error ratio of a state that is off by this angle on the Bloch sphere."""
    wrong = math.sin(0.5 * angle_rad)
    return wrong * wrong


def extinction_error(extinction_db: float) -> float:
    """Error ratio of a time bin whose empty neighbour holds light this far below it: 1 / (1 + 10^(ER / 10))."""
    return 1.0 / (1.0 + math.pow(10.0, extinction_db / 10.0))


def combined_error(*errors: float) -> float:
    """Error ratio behind several independent flips: (1 - product of (1 - 2 e)) / 2."""
    kept = 1.0
    for error in errors:
        kept *= 1.0 - 2.0 * error
    return 0.5 * (1.0 - kept)
