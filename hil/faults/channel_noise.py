"""Classical traffic shares the fibre: its Raman light falls into the quantum channel, as counts that know nothing of any bit.

The twin's fibre is told how much traffic is launched into it, whether its bench file declares any or not. A real one would take
a second transmitter on the fibre, which no driver here has. Seen in the counts, which must rise; in the suites it is the QBER.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.errors import MissingCapabilityError
from hil.faults._clicks import GONE, SURE, counted_s, difference_sigma, lit_clicks, total_hz
from hil.faults._injection import Injection, injection
from hil.faults._path_loss import fibre_of
from hil.faults._refusal import checked
from hil.ports.spec import Finding, Range

if TYPE_CHECKING:
    from hil.ports.spec import FaultBench, Span

__all__ = ["SPEC", "ChannelNoise"]


@dataclass(frozen=True)
class ChannelNoise:
    """``launch_power_w``: classical light launched into the fibre, all channels together, on top of what is there."""

    launch_power_w: float

    def __post_init__(self) -> None:
        checked(self, launch_power_w=(0.0, 10.0))


def _where(bench: FaultBench, way: str) -> list[tuple[str, str]]:
    if fibre_of(bench, way) is None:
        raise MissingCapabilityError(f"channel_noise: {way} has no fibre that traffic could share")
    return [(way, "launch_power_w")]


def _noisier(noisy: Span, quiet: Span, than: str, least: float) -> Finding:
    noisy_hz, quiet_hz = total_hz(noisy), total_hz(quiet)
    sigma_hz = difference_sigma(noisy_hz, counted_s(noisy), quiet_hz, counted_s(quiet))
    words = (
        f"{noisy_hz - quiet_hz:.0f} Hz more counts than {than} ({(noisy_hz - quiet_hz) / sigma_hz:.1f} standard deviations),"
        f" {noisy_hz:.0f} Hz in all"
    )
    return Finding(noisy_hz - quiet_hz > least * sigma_hz, words)


SPEC = injection(
    Injection(
        parameters=_where,
        becomes=lambda settings, _parameter, stood: float(stood + settings.launch_power_w),
        unless="it would take a laser beside the quantum signal, which no driver here has",
    ),
    name="channel-noise",
    title="Classical traffic in the fibre makes noise (twins only)",
    settings=ChannelNoise,
    zero="A power of 0 W adds no traffic.",
    target_role="link",
    acts_on="the classical light in the fibre of a link's twin",
    read=lambda bench, way, _settings: lit_clicks(bench, bench.receiver_behind(way)),
    shown=lambda _bench, _way, _settings, before, now: _noisier(now, before, "before", SURE),
    healed=lambda _bench, _way, _settings, during, after: _noisier(during, after, "after healing", GONE),
    ranges={
        "launch_power_w": Range(
            1e-6,
            1e-3,
            "-30 to 0 dBm: attenuated for coexistence (Eraerds et al., NJP 12, 063027 (2010)) to a common transceiver",
        )
    },
    magnitude=("launch_power_w",),
)
