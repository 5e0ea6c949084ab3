"""What reaches the detectors of one receiver in one state of the bench, per pulse.

Photo-detections of coherent pulses are Poisson: a pulse of mean photon number mu gives ``mu * T * arm * f * efficiency`` on
average at a detector, with T the transmittance of path and receiver optics, ``arm`` the share of the detector's basis, and f
what the measurement sends to it: ``1 - e`` or ``e`` (misalignment) in the basis of preparation, one half in the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hil.seeds import derive

if TYPE_CHECKING:
    import numpy.typing as npt

    from hil.bench.model import ReceiverDevice

    from .optics import Optics
    from .parameters import Parameters
    from .source import Source
    from .timeline import State

__all__ = ["Receiver", "Reception", "Roles"]

BASES = 2


@dataclass(frozen=True)
class Roles:
    """What a click of each detector means: by name (``z1``: key basis, bit 1), else by its number (two to a basis)."""

    basis: tuple[int, ...]
    bit: tuple[int, ...]

    @classmethod
    def of(cls, detectors: tuple[str, ...]) -> Roles:
        named = all(name[:1].lower() in {"z", "x"} and name[1:] in {"0", "1"} for name in detectors)
        if named:
            return cls(tuple("zx".index(name[0].lower()) for name in detectors), tuple(int(name[1]) for name in detectors))
        return cls(
            tuple(number // 2 for number in range(len(detectors))), tuple(number % 2 for number in range(len(detectors)))
        )


@dataclass(frozen=True)
class Reception:
    """One state, with S joint settings (times Bob's two bases, where he chooses actively) and D detectors.

    Proposed photo-detections come at ``proposals_per_pulse``; with misalignment e, one of setting s is a detection at d with
    probability ``straight[s, d] + e * tilt[s, d]``. Dead time is in whole pulses that see nothing after a click.
    """

    proposals_per_pulse: float
    straight: npt.NDArray[np.float64]
    tilt: npt.NDArray[np.float64]
    dark_per_pulse: npt.NDArray[np.float64]
    blind_pulses: npt.NDArray[np.int64]
    afterpulse_probability: npt.NDArray[np.float64]
    afterpulse_decay_pulses: npt.NDArray[np.float64]
    misalignment: float
    misalignment_per_k: float
    unseen_per_pulse: float = 0.0
    """Events the sampler has to go through although they show elsewhere."""

    @property
    def candidates_per_pulse(self) -> float:
        """Everything the sampler has to look at."""
        return self.proposals_per_pulse + self.unseen_per_pulse + float(self.dark_per_pulse.sum())


class Receiver:
    """A receiver at the end of its link: the constants of its declaration, and its reception in any state."""

    def __init__(self, name: str, device: ReceiverDevice, seed: int, source: Source | None, rate_hz: float) -> None:
        self.name = name
        self.device = device
        self.roles = Roles.of(device.detectors)
        self.source = source
        self.rate_hz = rate_hz
        self.active = device.basis_choice == "active"
        self.basis_key = derive(seed, "basis", name)
        self.basis_threshold = round(device.key_basis_probability * 2**63)

    def reception(self, state: State, parameters: Parameters, optics: Optics) -> Reception | None:
        """What reaches the detectors; None without bias."""
        if not state.get((self.name, "biased")):
            return None

        def each(parameter: str) -> npt.NDArray[np.float64]:
            return np.array([parameters.value(state, self.name, f"{name}.{parameter}") for name in self.device.detectors])

        efficiency = each("efficiency")
        brightest = self._brightest_at_detector(state, parameters, optics) * float(efficiency.max())
        straight, tilt = self._outcomes(efficiency / max(float(efficiency.max()), 1e-300))
        warming_k = parameters.value(state, self.name, "detector_temperature_c") - self.device.detector_temperature_c
        dark_hz = each("dark_count_rate_hz") * 2.0 ** (warming_k / self.device.dark_count_doubling_k)
        return Reception(
            proposals_per_pulse=brightest,
            straight=straight,
            tilt=tilt,
            dark_per_pulse=dark_hz / self.rate_hz,
            blind_pulses=np.floor(each("dead_time_s") * self.rate_hz + 1e-6).astype(np.int64),
            afterpulse_probability=each("afterpulse_probability"),
            afterpulse_decay_pulses=each("afterpulse_decay_s") * self.rate_hz,
            misalignment=parameters.value(state, self.name, "misalignment"),
            misalignment_per_k=self.device.misalignment_per_k,
        )

    def setting_probabilities(self) -> npt.NDArray[np.float64]:
        """How often each of the S settings occurs."""
        assert self.source is not None
        if not self.active:
            return self.source.probabilities
        key_basis = self.device.key_basis_probability
        return np.outer(self.source.probabilities, (key_basis, 1.0 - key_basis)).ravel()

    def _brightest_at_detector(self, state: State, parameters: Parameters, optics: Optics) -> float:
        """Mean photons of the strongest pulse behind path and receiver optics."""
        way = optics.way_to(self.name)
        if way is None or self.source is None or not state.get((way.emitter, "emitting")):
            return 0.0
        loss_db = optics.path_loss_db(way, state) + parameters.value(state, self.name, "insertion_loss_db")
        scale = parameters.value(state, way.emitter, "intensity_scale")
        return self.source.intensities[0] * scale * float(10.0 ** (-loss_db / 10.0))

    def _outcomes(self, efficiency: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Probabilities of each detector for one proposal: without misalignment, and what a unit of it adds."""
        intensities = self.source.intensities if self.source is not None else (1.0,)
        key_basis = self.device.key_basis_probability
        choices = ((1.0, 0.0), (0.0, 1.0)) if self.active else ((key_basis, 1.0 - key_basis),)
        straight, tilt = [], []
        for intensity in intensities:
            for basis, bit in ((0, 0), (0, 1), (1, 0), (1, 1)):
                for arms in choices:
                    share = [
                        intensity / intensities[0] * arms[basis_d] * efficiency_d
                        for basis_d, efficiency_d in zip(self.roles.basis, efficiency, strict=True)
                    ]
                    right = [
                        (0.5, 0.0) if basis_d != basis else ((1.0, -1.0) if bit_d == bit else (0.0, 1.0))
                        for basis_d, bit_d in zip(self.roles.basis, self.roles.bit, strict=True)
                    ]
                    straight.append([part * even for part, (even, _) in zip(share, right, strict=True)])
                    tilt.append([part * slope for part, (_, slope) in zip(share, right, strict=True)])
        return np.array(straight), np.array(tilt)
