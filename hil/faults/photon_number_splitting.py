"""An eavesdropper keeps a photon of pulses with several, lets the rest pass without the path's loss, and blocks single photons.

G. Brassard and others, Phys. Rev. Lett. 85, 1330 (2000). The strongest intensity keeps its gain and the
QBER its value; decoys lose theirs (W.-Y. Hwang, Phys. Rev. Lett. 91, 057901 (2003)), which is what is looked for here, and what
lets the pipeline's estimate of single photons fall to none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.errors import MissingCapabilityError
from hil.faults._clicks import SURE
from hil.faults._errors import grown
from hil.faults._injection import Injection, injection
from hil.faults._refusal import checked
from hil.ports.spec import Finding, Range, Span

if TYPE_CHECKING:
    from hil.ports.spec import FaultBench, Readings

__all__ = ["SPEC", "PhotonNumberSplitting"]

_PARAMETER = "splitting_fraction"
_PATIENCE_S = 10.0


@dataclass(frozen=True)
class PhotonNumberSplitting:
    """``split_ratio``: share of the pulses that she splits or blocks, 0 to 1."""

    split_ratio: float

    def __post_init__(self) -> None:
        checked(self, split_ratio=(0.0, 1.0))


def _parameters(bench: FaultBench, target: str) -> list[tuple[str, str]]:
    transmitter = bench.declared(bench.device_of_role("transmitter"))
    if transmitter.source != "weak-coherent" or len(transmitter.intensities) < 2:
        raise MissingCapabilityError(f"photon_number_splitting: {target} sends no decoys, so that nothing could show it")
    return [(target, _PARAMETER)]


def _read(bench: FaultBench, _target: str, _settings: PhotonNumberSplitting) -> Readings:
    return bench.glimpse()


def _shown(_bench: FaultBench, _target: str, _settings: PhotonNumberSplitting, before: Span, during: Span) -> Finding:
    return _compared(_decoys(before, ever=True), _decoys(during), than="before")


def _healed(_bench: FaultBench, _target: str, _settings: PhotonNumberSplitting, during: Span, after: Span) -> Finding:
    if after.change("sampled_s") and not after.change("sampled_clicks"):
        return Finding(shown=True, words="0 clicks, so decoys cannot tell")
    return _compared(_decoys(after), _decoys(during), than="after healing")


def _decoys(span: Span, *, ever: bool = False) -> tuple[float, float]:
    """Bits of the decoy, and of the signal."""
    return grown(span, "bits.1", ever=ever), grown(span, "bits.0", ever=ever)


def _compared(honest: tuple[float, float], attacked: tuple[float, float], *, than: str) -> Finding:
    """Whether the logarithm of the ratio of decoys to signals fell for sure; that of counts n has the variance 1 / n."""
    if not all((*honest, *attacked)):
        return Finding(shown=False, words=f"{sum(attacked):.0f} bits, {sum(honest):.0f} {than}, tell nothing of decoys")
    usual, found = honest[0] / honest[1], attacked[0] / attacked[1]
    sigmas = math.log(usual / found) / math.sqrt(sum(1.0 / number for number in (*honest, *attacked)))
    words = f"{found:.3f} decoy bits for each of the signal, {usual:.3f} {than} ({sigmas:.1f} standard deviations)"
    return Finding(sigmas > SURE, words)


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
    patience_s=_PATIENCE_S,
    spoils_detections=False,
)
