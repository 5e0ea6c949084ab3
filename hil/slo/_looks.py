"""Shares of wrong coincidences, look by look: what fidelity and CHSH's S are made of when they are looked at many times."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.statistics.sequential.evidence import MANY_EVENTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

__all__ = ["shares_by_look"]


def shares_by_look(looks: Sequence[Sequence[tuple[int, int]]], allowed: float) -> npt.NDArray[np.float64]:
    """Wrong ones over all, shape (groups, settings), of looks of (all, wrong) in each setting.

    Looks are put together, in order, until each setting has as many that a share of ``allowed`` makes eight of them wrong,
    so that the shares of groups are near enough to normal; what is left at the end waits. Where a group ends depends on
    how many were collected, not on how many were wrong.
    """
    import numpy as np

    groups, held = [], np.zeros((len(looks[0]), 2))
    for look in looks:
        held += np.array(look, dtype=np.float64)
        if held[:, 0].min() * allowed >= MANY_EVENTS:
            groups.append(held[:, 1] / held[:, 0])
            held = np.zeros_like(held)
    return np.array(groups).reshape(-1, len(looks[0]))
