"""A game day as data: frozen, validated objects made from one TOML file.

Keys of the file carry no unit because their values do (``at = "4 s"``); the attributes here carry it (``at_s``).
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from hil.bench.tables.quantities import ABOVE_ZERO, Ratio, Seconds, SomeSeconds, Table, quantity

__all__ = [
    "SIGNALS",
    "Abort",
    "Alert",
    "Expectation",
    "Gameday",
    "GamedayInfo",
    "Load",
    "MaybeSeconds",
    "PlannedFault",
    "Signal",
    "SteadyState",
]

Signal = Literal["no-key", "qber", "key-rate", "counts", "delivery", "identity"]
SIGNALS: dict[str, str] = {
    "no-key": "the block gave no key",
    "qber": "the block's QBER is above the limit of the bench, by its exact interval",
    "key-rate": "the block's net key rate is below half of what it was in the steady state",
    "counts": "the block's clicks differ from the steady state's by five standard deviations and by a tenth",
    "delivery": "an application's request for keys was refused or went unanswered",
    "identity": "a device of the link says it is another one, or has other firmware, than when the bench was opened",
}
"""What is looked at after each block."""

MaybeSeconds = Annotated[Annotated[float, ABOVE_ZERO] | None, quantity("time")]


class GamedayInfo(Table, frozen=True, kw_only=True):
    """``[gameday]``."""

    name: str
    title: str = ""
    bench: str = ""
    """Where it runs unless another bench is named: a shipped name, or a file beside this one."""
    duration_s: SomeSeconds = field(name="duration")
    """From the steady state before to the steady state after."""
    every_s: Seconds = field(name="every", default=0.0)
    """From the beginning of one block to that of the next; 0: one after the other. A twin's clock jumps over the rest."""
    seed: Annotated[int, Meta(ge=0)] | None = None
    """Of the run, unless another is given."""
    invariants: tuple[str, ...] = ()
    """Checkers of the key's life that must hold throughout; all of them by default."""


class SteadyState(Table, frozen=True, kw_only=True):
    """``[steady_state]``: what must hold before anything is broken, and again afterwards."""

    over_s: SomeSeconds = field(name="over")
    indicators: tuple[str, ...]


class Load(Table, frozen=True, kw_only=True):
    """``[load]``: applications at both ends that use up keys of the link's key management entities, after each block."""

    keys: Annotated[int, Meta(ge=1, le=128)]


class Expectation(Table, frozen=True, kw_only=True):
    """``[fault.expect]``: how soon the link must have reacted; what is left out is measured all the same.

    Times run from the command of the fault; ``recover_within`` from the moment it is taken back.
    """

    detect_within_s: MaybeSeconds = field(name="detect_within", default=None)
    detect_by: tuple[Signal, ...] = ("no-key", "qber", "key-rate", "counts", "delivery", "identity")
    stop_delivery_within_s: MaybeSeconds = field(name="stop_delivery_within", default=None)
    stops: Literal["key", "delivery"] = "key"
    """What stops: new key, or what key management entities deliver."""
    alert: str = ""
    alert_within_s: MaybeSeconds = field(name="alert_within", default=None)
    recover_within_s: MaybeSeconds = field(name="recover_within", default=None)


class PlannedFault(Table, frozen=True, kw_only=True):
    """``[[fault]]``: ``at`` counts from the end of the steady state before; without ``duration`` it lasts to the end."""

    at_s: Seconds = field(name="at")
    fault: str
    target: str = ""
    duration_s: MaybeSeconds = field(name="duration", default=None)
    waveform: str = "step"
    settings: dict[str, float | str] = field(default_factory=dict)
    expect: Expectation = Expectation()


class Alert(Table, frozen=True, kw_only=True):
    """``[[alert]]``: fires at the first look at which its signal has been on for so long."""

    name: str
    signal: Signal
    for_s: Seconds = field(name="for", default=0.0)


class Abort(Table, frozen=True, kw_only=True):
    """``[[abort]]``: the game day ends, and everything is healed, once the quantity is surely beyond this.

    Judged after every block; ``confidence`` is that of all looks of the day together.
    """

    quantity: Literal["qber", "counts", "temperature"]
    above: float | None = None
    below: float | None = None
    confidence: Ratio = 0.999


class Gameday(Table, frozen=True, kw_only=True):
    """A whole file."""

    gameday: GamedayInfo
    steady_state: SteadyState
    fault: tuple[PlannedFault, ...]
    load: Load | None = None
    alert: tuple[Alert, ...] = ()
    abort: tuple[Abort, ...] = ()
