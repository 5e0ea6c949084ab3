"""What one receiver of an entangled link can detect of the photons that come its way, per state of the bench."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from .reception import Receiver, Roles

if TYPE_CHECKING:
    import numpy.typing as npt

    from hil.bench.model import ReceiverDevice

    from .optics import Optics
    from .parameters import Parameters
    from .reception import Reception
    from .surroundings import Surroundings
    from .timeline import State

__all__ = ["PairReceiver"]


class PairReceiver(Receiver):
    """A receiver that measures one photon of each pair at one of several polariser angles, two detectors to an angle.

    Its reception holds marginals: a photon comes up at each detector of a setting equally often, whatever the other end does.
    """

    def __init__(self, name: str, device: ReceiverDevice, seed: int, rate_hz: float) -> None:
        super().__init__(name, device, seed, None, rate_hz)
        numbers = range(len(device.detectors))
        self.roles = Roles(tuple(number // 2 for number in numbers), tuple(number % 2 for number in numbers))
        key = device.key_basis_probability
        self.setting_shares = np.array(device.angle_probabilities or (key, 1.0 - key))
        """How often each setting is measured, shape (s,)."""
        self.angles_rad = np.deg2rad(np.array(device.angles_deg))

    def chosen(self, draw: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """Setting that a number of [0, 1) chooses, shape (n,)."""
        found: npt.NDArray[np.int64] = np.searchsorted(self.setting_shares.cumsum()[:-1], draw, side="right")
        return found

    def reception(
        self,
        state: State,
        parameters: Parameters,
        optics: Optics,
        surroundings: Surroundings | None = None,
        *,
        latched: bool = False,
    ) -> Reception | None:
        """What reaches the detectors; None without bias. Windows are as wide as suits all pairs that leave the source."""
        found = super().reception(state, parameters, optics, surroundings, latched=latched)
        way = optics.way_to(self.name)
        if found is None or way is None:
            return found
        return replace(found, unseen_per_pulse=parameters.mean_pairs(state, way.emitter))

    def _intensities(self, state: State, parameters: Parameters, optics: Optics) -> tuple[float, ...]:
        """Mean photons that leave the source towards this receiver, which is one setting."""
        way = optics.way_to(self.name)
        if way is None or not state.get((way.emitter, "emitting")):
            return (0.0,)
        return (parameters.mean_pairs(state, way.emitter),)

    def _routes(
        self,
        efficiency: npt.NDArray[np.float64],
        errors: npt.NDArray[np.float64],  # noqa: ARG002  (no state was prepared)
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Every detector has its share of the photons; misalignment changes no marginal."""
        straight = (self._unpolarised() * efficiency)[np.newaxis, np.newaxis, :]
        return straight, np.zeros_like(straight)

    def _unpolarised(self) -> npt.NDArray[np.float64]:
        """Share of each detector, by how often its setting is measured."""
        shares: npt.NDArray[np.float64] = self.setting_shares[np.array(self.roles.basis)] / 2.0
        return shares
