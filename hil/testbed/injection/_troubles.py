"""What may go wrong with a bench while faults come and go, and doing every step all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.errors import HilError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["TROUBLE", "all_of"]

TROUBLE = (HilError, OSError)


def all_of(steps: Iterable[Callable[[], None]]) -> None:
    """Do every step, whatever becomes of the ones before; the first trouble is raised, with the others as notes."""
    troubles: list[Exception] = []
    for step in steps:
        try:
            step()
        except TROUBLE as error:
            troubles.append(error)
    if troubles:
        for other in troubles[1:]:
            troubles[0].add_note(f"besides: {other}")
        raise troubles[0]
