"""An eavesdropper makes pulses early or late at random, so that one bit is seen better than the other.

B. Qi, C.-H. F. Fung, H.-K. Lo, X. Ma, Quantum Inf. Comput. 7, 73 (2007); done by Y. Zhao, C.-H. F. Fung, B. Qi, C. Chen,
H.-K. Lo, Phys. Rev. A 78, 042333 (2008). Both directions mirror each other, so no error and, with as many late as early, no
imbalance of the detectors' totals tells of it. Fewer pulses are seen, as shifted ones miss the middle of every detector's
window; and of a receiver that tells times the early clicks lean to one bit, the late ones to the other (indicator
``detector_balance``). How much she learns is in :mod:`hil.physics.efficiency_mismatch`; no proof here covers it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.faults._clicks import SURE, counted_s, detectors, difference_sigma, rate_hz, total_hz
from hil.faults._injection import Injection, injection
from hil.faults._refusal import checked
from hil.ports.spec import Finding, Range, Span

if TYPE_CHECKING:
    from hil.ports.spec import FaultBench, Readings

__all__ = ["SPEC", "TimeShift"]

_SHIFT, _LATE = "time_shift_s", "late_fraction"
_LOWEST_S, _HIGHEST_S = 0.0, 1e-8
_ACCORDINGLY = (0.5, 2.0)


@dataclass(frozen=True)
class TimeShift:
    """``shift_s``: by so many seconds each pulse comes early or late; ``late_ratio``: share of the pulses that come late.

    Anything but a half shows in how often each bit is seen, where detectors differ.
    """

    shift_s: float
    late_ratio: float = 0.5

    def __post_init__(self) -> None:
        checked(self, shift_s=(_LOWEST_S, _HIGHEST_S), late_ratio=(0.0, 1.0))


def _becomes(settings: TimeShift, parameter: str, stood: float) -> float:
    if not settings.shift_s:
        return stood
    return settings.late_ratio if parameter == _LATE else stood + settings.shift_s


def _read(bench: FaultBench, target: str, _settings: TimeShift) -> Readings:
    return bench.clicks(bench.receiver_behind(target))


def _shown(bench: FaultBench, target: str, settings: TimeShift, before: Span, during: Span) -> Finding:
    return _compared(bench, target, settings, honest=before, attacked=during, than="before")


def _healed(bench: FaultBench, target: str, settings: TimeShift, during: Span, after: Span) -> Finding:
    if counted_s(during) <= 0.0:
        return Finding(shown=True, words=f"{target}: the detectors have no bias, so counts cannot tell")
    return _compared(bench, target, settings, honest=after, attacked=during, than="after healing")


def _compared(bench: FaultBench, target: str, settings: TimeShift, *, honest: Span, attacked: Span, than: str) -> Finding:
    usual_hz, found_hz = total_hz(honest), total_hz(attacked)
    sigma_hz = difference_sigma(usual_hz, counted_s(honest), found_hz, counted_s(attacked))
    expected = 1.0 - _seen(bench, bench.receiver_behind(target), settings.shift_s)
    lost = 1.0 - found_hz / usual_hz if usual_hz else 0.0
    each = ", ".join(f"{name} {rate_hz(attacked, name):.0f}" for name in detectors(attacked))
    sigmas = (usual_hz - found_hz) / sigma_hz
    words = f"{lost:.1%} fewer counts than {than} ({sigmas:.1f} standard deviations; expected {expected:.1%}): {each} Hz"
    low, high = (share * expected for share in _ACCORDINGLY)
    return Finding(sigmas > SURE and low <= lost <= high, words)


def _seen(bench: FaultBench, receiver: str, shift_s: float) -> float:
    """Efficiency for shifted pulses as a share of that for others: Gaussians over the time of arrival, by their full width."""
    width_s = bench.declared(receiver).efficiency_width_s
    centre_s = bench.read(receiver, "efficiency_offset_s") / 2.0
    both = (_relative(shift_s - centre_s, width_s) + _relative(shift_s + centre_s, width_s)) / 2.0
    return both / _relative(centre_s, width_s)


def _relative(late_s: float, width_s: float) -> float:
    return float(2.0 ** -((2.0 * late_s / width_s) ** 2))


SPEC = injection(
    Injection(
        parameters=lambda _bench, target: [(target, _SHIFT), (target, _LATE)],
        becomes=_becomes,
        unless="it would take an optical delay line in its fibre that is switched at the pulse rate",
    ),
    name="time-shift",
    title="An eavesdropper shifts pulses in time (twins only)",
    settings=TimeShift,
    zero="A shift of 0 s moves no pulse.",
    target_role="link",
    acts_on="the time of arrival of the pulses on a link's way, in its twin",
    read=_read,
    shown=_shown,
    healed=_healed,
    ranges={
        "shift_s": Range(
            1e-10, 1e-9, "Zhao and others (2008) shifted by some 100 ps to 1 ns, to where the mismatch is largest"
        ),
        "late_ratio": Range(0.0, 1.0, "all of it; a half keeps the totals even (Qi and others 2007)"),
    },
    magnitude=("shift_s",),
    patience_s=10.0,
    look_s=1.0,
)
