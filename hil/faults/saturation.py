"""More light than detectors can follow: counts grow less than the light, up to one in each dead time.

The link's attenuator opens, inside its envelope and as far as the optical interlock lets it. What it cannot open, or all of it
where there is none, a twin's transmitter or pair source adds in brightness. Seen in the counters: they must rise by what dead
time leaves of the light (non-paralysable, n / (1 + n tau)), and fall short of the light for sure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.errors import MissingCapabilityError
from hil.faults._clicks import SURE, compared, darkened, emitter, folded, lit_clicks, of_target, unfolded
from hil.faults._refusal import checked
from hil.ports.spec import FaultSpec, Finding, Move, Range, Span, Undo

if TYPE_CHECKING:
    from hil.faults._clicks import Change, Counted
    from hil.ports.spec import FaultBench, Readings

__all__ = ["SPEC", "Saturation"]

LOOK_S = 1.0
_WAIT_S = 3.0
_ATTENUATION = "attenuation_db"
_BRIGHTEST_DB = 20.0
"""How much a twin's light can be raised."""


@dataclass(frozen=True)
class Saturation:
    """``gain_db``: how much more light reaches the detectors."""

    gain_db: float

    def __post_init__(self) -> None:
        checked(self, gain_db=(0.0, 60.0))


def _plan(bench: FaultBench, _target: str, settings: Saturation) -> tuple[Undo, ...]:
    undos = [Undo(voa, _ATTENUATION, bench.read(voa, _ATTENUATION)) for voa in bench.devices_of_role("attenuator")[:1]]
    room_db = sum(_room_db(bench, undo) for undo in undos)
    if settings.gain_db > room_db:
        undos.append(_brightness(bench, settings.gain_db, room_db))
    return tuple(undos)


def _brightness(bench: FaultBench, gain_db: float, room_db: float) -> Undo:
    """What a twin's light stands at; MissingCapabilityError on hardware, or where even a twin is not as bright."""
    source = emitter(bench)
    parameter = "mean_pairs" if source in bench.devices_of_role("pair-source") else "intensity_scale"
    missing = f"saturation: {gain_db:g} dB more light asked for, and the link's attenuator can open by {room_db:g} dB"
    if gain_db - room_db > _BRIGHTEST_DB:
        raise MissingCapabilityError(f"{missing}; a twin's source adds {_BRIGHTEST_DB:g} dB at most")
    try:
        return Undo(source, parameter, bench.read(source, parameter))
    except MissingCapabilityError as error:
        raise MissingCapabilityError(
            f"{missing}; {source} is real, and no command makes it brighter than it is declared. Ask for less, or run it on the"
            " twin (--hil-simulate)"
        ) from error


def _room_db(bench: FaultBench, stood: Undo) -> float:
    low_db, _ = bench.declared(stood.device).envelope.get(_ATTENUATION, (0.0, math.inf))
    return max(float(stood.value) - float(low_db), 0.0)


def _moves(bench: FaultBench, _target: str, settings: Saturation, stood: tuple[Undo, ...]) -> tuple[Move, ...]:
    left_db, moves = settings.gain_db, []
    for undo in stood:
        opens = undo.setting == _ATTENUATION
        part_db = min(_room_db(bench, undo), left_db) if opens else left_db
        value = float(undo.value)
        if part_db:
            moves.append(Move(undo.device, undo.setting, value - part_db if opens else value * 10.0 ** (part_db / 10.0)))
        left_db -= part_db
    return tuple(moves)


def _read(bench: FaultBench, target: str, _settings: Saturation) -> Readings:
    return lit_clicks(bench, target)


def _shown(bench: FaultBench, target: str, settings: Saturation, before: Span, during: Span) -> Finding:
    if not settings.gain_db:
        return Finding(shown=True, words=f"zero: 0 dB more light reaches {target}")
    if blind := darkened(during):
        return Finding(shown=False, words=f"{target}: {blind}")
    change, words, bent = _compared(bench, target, settings, quiet=before, noisy=during)
    return Finding(change.accordingly and bent, f"{target}: {words} than before")


def _healed(bench: FaultBench, target: str, settings: Saturation, during: Span, after: Span) -> Finding:
    if not settings.gain_db:
        return Finding(shown=True, words=f"zero: 0 dB more light reached {target}")
    if blind := darkened(after) or darkened(during):
        return Finding(shown=True, words=f"{target}: {blind}")
    change, words, _ = _compared(bench, target, settings, quiet=after, noisy=during)
    return Finding(change.gone, f"{target}: {words} than after healing")


def _compared(bench: FaultBench, target: str, settings: Saturation, *, quiet: Span, noisy: Span) -> tuple[Change, str, bool]:
    """How much more there is of what dead time leaves, in words too, and whether that is less than the light for sure."""
    who = of_target(bench, target, noisy)
    change = compared(quiet, noisy, who.names, lambda quiet_hz: folded(_offered_hz(settings, quiet_hz, who), who.dead_time_s))
    # of what a detector without dead time would have gained
    straight = compared(quiet, noisy, who.names, lambda quiet_hz: quiet_hz * 10.0 ** (settings.gain_db / 10.0))
    short = (1.0 - straight.share) * straight.sigmas / straight.share if straight.share else 0.0
    words = f"{change.words(f'{settings.gain_db:g} dB more light')}, {straight.share:.0%} of what they would follow to,"
    return change, words, short > SURE


def _offered_hz(settings: Saturation, quiet_hz: float, who: Counted) -> float:
    offered_hz = unfolded(quiet_hz, who.dead_time_s)
    dark_hz = min(float(who.declared.dark_count_rate_hz) * who.number, offered_hz)
    return dark_hz + (offered_hz - dark_hz) * float(10.0 ** (settings.gain_db / 10.0))


SPEC = FaultSpec(
    name="saturation",
    title="More light than detectors can follow",
    settings=Saturation,
    zero="0 dB more is the light there was: nothing is moved.",
    target_role="receiver",
    acts_on="the link's attenuator, and on a twin the brightness of its source for what that cannot open",
    plan=_plan,
    moves=_moves,
    read=_read,
    shown=_shown,
    healed=_healed,
    patience_s=lambda _bench, _target: _WAIT_S,
    look_s=LOOK_S,
    ranges={"gain_db": Range(0.0, 20.0, "a metropolitan link bridged by a patch cord; counts bend from a tenth of 1/tau on")},
    magnitude=("gain_db",),
)
