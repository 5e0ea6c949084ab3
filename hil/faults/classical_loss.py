"""Messages on a classical channel are lost: for good, or, as TCP repairs it, they and all behind them come late.

Ranges: 0 to 0.1 of the messages; ITU-T Y.1541 asks networks for less than 1e-3 of the packets, and Wi-Fi or a failing
optic loses per cents. ``retransmit_s``: 0 (lost for good), or 0.2 to 1 s (Linux' least timeout; RFC 6298, 2.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.faults._classical import checked, classical
from hil.ports.spec import Finding, Range

if TYPE_CHECKING:
    from hil.ports.spec import Readings

__all__ = ["SPEC", "ClassicalLoss"]


@dataclass(frozen=True)
class ClassicalLoss:
    """``loss_ratio``: share of the messages, each way. ``retransmit_s``: how late a lost one comes; 0 for never."""

    loss_ratio: float
    retransmit_s: float = 0.0

    def __post_init__(self) -> None:
        checked(self)


def _shown(settings: ClassicalLoss, before: Readings, now: Readings) -> Finding:
    lost = now["sent"] - now["echoed"]
    words = f"{lost:.0f} of {now['sent']:.0f} messages did not come back ({before['sent'] - before['echoed']:.0f} before)"
    if not settings.retransmit_s:
        return Finding(lost > 0.0, words)
    return Finding(now["last_s"] >= settings.retransmit_s, f"{words}, the last one after {now['last_s']:.2f} s")


SPEC = classical(
    name="classical-loss",
    title="A classical channel loses messages",
    settings=ClassicalLoss,
    zero="A ratio of 0 loses nothing.",
    acts_on="messages of every connection of a classical channel (what arrives at once, where it has no messages), both ways",
    moves=lambda settings: {
        "loss_ratio": settings.loss_ratio,
        "retransmit_s": settings.retransmit_s if settings.loss_ratio else 0.0,
    },
    shown=_shown,
    ranges={
        "loss_ratio": Range(0.0, 0.1, "ITU-T Y.1541 to a failing optic"),
        "retransmit_s": Range(0.2, 1.0, "RFC 6298, 2.1, and Linux' least timeout"),
    },
    magnitude=("loss_ratio",),
)
