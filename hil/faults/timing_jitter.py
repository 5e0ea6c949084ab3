"""Clicks scatter more about their pulses: jitter of detectors, discriminators or the reference clock.

A twin is told to. Seen in errors: jitter that carries clicks into other pulses' slots gives them bits of those, half of which
are wrong; of pairs, in missed coincidences; of a receiver that tells times, in how far its clicks lie from their pulses.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hil.faults._clicks import GONE, SURE, emitter
from hil.faults._errors import fell, grown, rose
from hil.faults._injection import Injection, injection, of_detectors
from hil.faults._refusal import checked
from hil.faults._timing import followed, lost, of_this_link
from hil.physics.jitter import crossing_probability
from hil.ports.spec import Finding, Range

if TYPE_CHECKING:
    from hil.ports.spec import FaultBench, Readings, Span

__all__ = ["SPEC", "TimingJitter"]

_PARAMETER, _STOOD = "jitter_sigma_s", "declared_sigma_s"
_HALF = 0.5
_UNIFORM = 1.0 / 12.0
"""Mean square of what is anywhere within one period."""


@dataclass(frozen=True)
class TimingJitter:
    """``sigma_s``: standard deviation of what is added to the time of each click; it adds to the jitter there is in squares."""

    sigma_s: float

    def __post_init__(self) -> None:
        checked(self, sigma_s=(0.0, 5e-7))


def _becomes(settings: TimingJitter, _parameter: str, stood: float) -> float:
    return math.hypot(stood, settings.sigma_s) if settings.sigma_s else stood


def _read(bench: FaultBench, target: str, _settings: TimingJitter) -> Readings:
    return {**bench.glimpse(), _STOOD: _receiver(bench, target).jitter_sigma_s}


def _shown(bench: FaultBench, target: str, settings: TimingJitter, before: Span, during: Span) -> Finding:
    if _receiver(bench, target).timing == "tags":
        return _spread(bench, target, settings, before, during) or lost(before, during)
    crossing = _crossing(bench, settings, during) * _share(bench, target, sifted=True)
    return _missed(before, during, crossing) if _pairs(bench) else rose(before, during, crossing / 2.0)


def _healed(bench: FaultBench, target: str, settings: TimingJitter, during: Span, after: Span) -> Finding:
    if _receiver(bench, target).timing == "tags":
        return _spread(bench, target, settings, during, after) or followed(during, after)
    crossing = _crossing(bench, settings, during) * _share(bench, target, sifted=True)
    return _missed(during, after, -crossing) if _pairs(bench) else fell(during, after, crossing / 2.0)


def _crossing(bench: FaultBench, settings: TimingJitter, span: Span) -> float:
    """Share of the clicks that cross into other slots beyond those which did before."""
    period_s, stood_s = _period_s(bench), span.last[_STOOD]
    return crossing_probability(period_s, math.hypot(stood_s, settings.sigma_s)) - crossing_probability(period_s, stood_s)


def _receiver(bench: FaultBench, target: str) -> Any:
    return bench.declared(target.partition(".")[0])


def _share(bench: FaultBench, target: str, *, sifted: bool) -> float:
    """Share of a receiver's clicks, or of the bits that both ends keep, that the target has: half of a basis for a detector."""
    name, _, detector = target.partition(".")
    if not detector:
        return 1.0
    receiver = bench.declared(name)
    others = [bench.declared(other) for other in bench.devices_of_role("receiver") if other != name]
    sender = (others or [bench.declared(emitter(bench))])[0]
    key, sent = receiver.key_basis_probability, sender.key_basis_probability if sifted else 0.5
    of_basis = key * sent, (1.0 - key) * (1.0 - sent)
    return float(of_basis[receiver.detectors.index(detector) // 2] / sum(of_basis) / 2.0)


def _pairs(bench: FaultBench) -> bool:
    return bool(bench.devices_of_role("pair-source"))


def _missed(old: Span, new: Span, crossing: float) -> Finding:
    """Photons in other slots than their partners' are no errors but missed: sifted bits must become fewer by that share.

    More by as much where it is below zero.
    """
    bits = [grown(span, "sifted_bits", ever=ever) for span, ever in ((old, True), (new, False))]
    seconds = [grown(span, "sampled_s", ever=ever) for span, ever in ((old, True), (new, False))]
    if not (all(seconds) and any(bits)):
        return Finding(shown=False, words="0 sifted bits tell nothing of jitter")
    rates = [number / time_s for number, time_s in zip(bits, seconds, strict=True)]
    low, high = rates if crossing < 0.0 else rates[::-1]
    share = 1.0 - low / high if high else 0.0
    sigma = math.sqrt(sum(1.0 / max(number, 1.0) for number in bits))
    words = (
        f"{rates[1]:.0f} sifted bits a second, {rates[0]:.0f} before: {share:.1%} of a change ({share / sigma:.1f} standard"
        f" deviations), {abs(crossing):.1%} were due"
    )
    sure = GONE if crossing < 0.0 else SURE
    return Finding(share > max(sure * sigma, _HALF * abs(crossing)), words)


def _spread(bench: FaultBench, target: str, settings: TimingJitter, old: Span, new: Span) -> Finding | None:
    """Whether the mean square distance from the pulses changed by half of the jitter's, as far as a period can show it.

    None where clicks could not be told by pulse.
    """
    was, now = _square_s2(old, ever=True), _square_s2(new)
    if was is None or now is None:
        return None
    most_s2 = _UNIFORM * _period_s(bench) ** 2 - min(was, now)
    words = f"clicks lie {math.sqrt(now) * 1e12:.0f} ps from their pulses, {math.sqrt(was) * 1e12:.0f} ps before"
    return Finding(abs(now - was) > _HALF * min(settings.sigma_s**2 * _share(bench, target, sifted=False), most_s2), words)


def _square_s2(span: Span, *, ever: bool = False) -> float | None:
    seconds = grown(span, "synchronised_s", ever=ever)
    return grown(span, "spread_s2", ever=ever) / seconds if seconds > 0.0 else None


def _period_s(bench: FaultBench) -> float:
    return 1.0 / float(bench.declared(emitter(bench)).pulse_rate_hz)


SPEC = of_this_link(
    injection(
        Injection(
            parameters=of_detectors(_PARAMETER),
            becomes=_becomes,
            unless="it would take a noisy reference clock",
        ),
        name="timing-jitter",
        title="Clicks scatter more about their pulses (twins only)",
        settings=TimingJitter,
        zero="0 s adds nothing: nothing is injected.",
        target_role="receiver",
        acts_on="the timing jitter of a receiver's twin, all of its detectors or one",
        read=_read,
        shown=_shown,
        healed=_healed,
        ranges={"sigma_s": Range(0.0, 1e-9, "15 ps of nanowires (arXiv:1611.02726); diodes have some hundred")},
        magnitude=("sigma_s",),
        look_s=0.05,
    )
)
