"""An eavesdropper keeps a photon of pulses with several, lets the rest pass without the path's loss, and blocks single photons.

G. Brassard and others, Phys. Rev. Lett. 85, 1330 (2000). The strongest intensity keeps its gain and the
QBER its value; decoys lose theirs (W.-Y. Hwang, Phys. Rev. Lett. 91, 057901 (2003)), which is what is looked for here, and what
lets the pipeline's estimate of single photons fall to none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.errors import MissingCapabilityError
from hil.faults._injection import Injection, checked, injection
from hil.faults._sifted import FEWEST_BITS, LOOK_S, PATIENCE_S, decoy_share, difference, honest_before
from hil.ports.spec import Finding, Range, Span

if TYPE_CHECKING:
    from hil.ports.spec import FaultBench, Readings

__all__ = ["SPEC", "PhotonNumberSplitting"]

_PARAMETER = "splitting_fraction"
_SURE = 5.0


@dataclass(frozen=True)
class PhotonNumberSplitting:
    """``split_ratio``: share of the pulses that she splits or blocks, 0 to 1."""

    split_ratio: float

    def __post_init__(self) -> None:
        checked(self, split_ratio=(0.0, 1.0))


def _parameters(bench: FaultBench, target: str) -> list[tuple[str, str]]:
    transmitter = bench.declared(bench.device_of_role("transmitter"))
    if transmitter.source != "coherent" or len(transmitter.intensities) < 2:
        raise MissingCapabilityError(f"photon_number_splitting: {target} sends no decoys, so that nothing could show it")
    bench.sifted(target)  # from now on blocks are looked at
    return [(target, _PARAMETER)]


def _read(bench: FaultBench, target: str, _settings: PhotonNumberSplitting) -> Readings:
    return bench.sifted(target)


def _shown(_bench: FaultBench, _target: str, _settings: PhotonNumberSplitting, before: Span, during: Span) -> Finding:
    return _compared(honest=honest_before(before), attacked=during, than="before")


def _healed(_bench: FaultBench, _target: str, _settings: PhotonNumberSplitting, during: Span, after: Span) -> Finding:
    return _compared(honest=after, attacked=during, than="after healing")


def _compared(*, honest: Span, attacked: Span, than: str) -> Finding:
    (usual, bits), (found, _) = decoy_share(honest), decoy_share(attacked)
    _, sigmas = difference(decoy_share(attacked), decoy_share(honest))
    words = f"{found:.2%} of {bits:.0f} sifted bits are of the decoy, {usual:.2%} {than} ({sigmas:.1f} standard deviations)"
    return Finding(bits >= FEWEST_BITS and sigmas < -_SURE, words)


SPEC = injection(
    Injection(
        parameters=_parameters,
        becomes=lambda settings, _parameter, stood: max(stood, float(settings.split_ratio)),
        unless="it would take a photon-number measurement without loss, which nobody has",
    ),
    name="photon-number-splitting",
    title="An eavesdropper splits pulses of several photons (twins only)",
    settings=PhotonNumberSplitting,
    zero="A share of 0 splits nothing.",
    target_role="link",
    acts_on="the pulses on a link's way, in its twin",
    read=_read,
    shown=_shown,
    healed=_healed,
    ranges={"split_ratio": Range(0.2, 1.0, "1 is the whole attack of Brassard and others (2000)")},
    magnitude=("split_ratio",),
    patience_s=PATIENCE_S,
    look_s=LOOK_S,
)
