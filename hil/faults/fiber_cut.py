"""The fibre is cut: the optical switch goes to its dark channel, which isolates by its declared isolation, not by infinity.

Seen in the switch's channel and in the receiver's counters, which must lose at least half of what the declared dark counts do
not explain; the words compare them with these and with the declared leak. Healed when the switch is back and the counts have
risen by as much again, or at least the first where light or bias was switched off meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.errors import FaultWithoutEvidenceError
from hil.faults._clicks import SURE, counted_s, darkened, difference_sigma, lit_clicks, total_hz
from hil.ports.spec import FaultSpec, Finding, Move, Span, Undo

if TYPE_CHECKING:
    from hil.ports.spec import FaultBench, Readings

__all__ = ["SPEC", "FiberCut"]

LOOK_S = 0.25
_WAIT_S = 2.0


@dataclass(frozen=True)
class FiberCut:
    """A cut has no settings: it is whole or it is not there."""


def _plan(bench: FaultBench, target: str, _settings: FiberCut) -> tuple[Undo, ...]:
    channel = int(bench.read(target, "channel"))
    declared = bench.declared(target)
    if channel != declared.through_channel:
        raise FaultWithoutEvidenceError(
            f"fiber_cut: {target} stands on channel {channel}, not on {declared.through_channel} which passes the link;"
            " a link that is cut already shows no cut. Nothing was moved: heal or bring up the link first"
        )
    return (Undo(target, "channel", channel),)


def _moves(bench: FaultBench, target: str, _settings: FiberCut, _stood: tuple[Undo, ...]) -> tuple[Move, ...]:
    return (Move(target, "channel", bench.declared(target).dark_channel),)


def _read(bench: FaultBench, target: str, _settings: FiberCut) -> Readings:
    return {"channel": bench.read(target, "channel"), **lit_clicks(bench, bench.receiver_behind(target))}


def _shown(bench: FaultBench, target: str, _settings: FiberCut, before: Span, during: Span) -> Finding:
    declared = bench.declared(target)
    lit_hz, cut_hz = total_hz(before), total_hz(during)
    channel = int(during.last["channel"])
    sigma_hz = difference_sigma(lit_hz, counted_s(before), cut_hz, counted_s(during))
    dark_hz = _declared_dark_hz(bench, target)
    fell = lit_hz - cut_hz > max((lit_hz - dark_hz) / 2.0, SURE * sigma_hz)
    leak_hz = max(lit_hz - dark_hz, 0.0) * 10.0 ** (-declared.isolation_db / 10.0)
    words = (
        f"{target} reads back channel {channel}; counts went from {lit_hz:.0f} Hz to {cut_hz:.0f} Hz, where {dark_hz:.0f} Hz of"
        f" dark counts and {leak_hz:.0f} Hz of leak are declared"
    )
    if not lit_hz:
        words += "; nothing was counted before the cut: is the light on, are the detectors biased?"
    return Finding(channel == declared.dark_channel and fell, words)


def _healed(bench: FaultBench, target: str, _settings: FiberCut, during: Span, after: Span) -> Finding:
    through = int(after.last["channel"]) == bench.declared(target).through_channel
    words = f"{target} reads back channel {int(after.last['channel'])}"
    if blind := darkened(after):
        return Finding(through, f"{words}; {blind}")
    cut_hz, lit_hz = total_hz(during), total_hz(after)
    sigma_hz = difference_sigma(cut_hz, counted_s(during), lit_hz, counted_s(after))
    rose = lit_hz - cut_hz > max((lit_hz - _declared_dark_hz(bench, target)) / 2.0, SURE * sigma_hz)
    return Finding(through and rose, f"{words}; counts went from {cut_hz:.0f} Hz to {lit_hz:.0f} Hz")


def _declared_dark_hz(bench: FaultBench, target: str) -> float:
    """Of all detectors together."""
    receiver = bench.declared(bench.receiver_behind(target))
    return float(receiver.dark_count_rate_hz * len(receiver.detectors))


def _patience_s(bench: FaultBench, target: str) -> float:
    return bench.settle_s(target) + _WAIT_S


SPEC = FaultSpec(
    name="fiber-cut",
    title="The fibre is cut: the optical switch goes to its dark channel",
    settings=FiberCut,
    zero="It has no settings, so nothing can be zero: a cut is whole or it is not there.",
    target_role="switch",
    acts_on="the channel of the link's optical switch",
    plan=_plan,
    moves=_moves,
    read=_read,
    shown=_shown,
    healed=_healed,
    patience_s=_patience_s,
    look_s=LOOK_S,
)
