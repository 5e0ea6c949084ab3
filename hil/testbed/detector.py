"""One single-photon detector of a link, as a test is given it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hil.ports.roles import Receiver
    from hil.testbed.link import Link

__all__ = ["Detector"]


@dataclass(frozen=True)
class Detector:
    """One detector: its name in the bench file, its number in records, the receiver and link it belongs to."""

    name: str
    number: int
    receiver: Receiver
    link: Link

    def __str__(self) -> str:
        return self.name
