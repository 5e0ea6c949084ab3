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

    def reception(self, state: State, parameters: Parameters, optics: Optics) -> Reception | None:
        """What reaches the detectors; None without bias. Windows are as wide as suits all pairs that leave the source."""
        found = super().reception(state, parameters, optics)
        way = optics.way_to(self.name)
        if found is None or way is None:
            return found
        return replace(found, unseen_per_pulse=parameters.value(state, way.emitter, "mean_pairs"))

    def arrival(self, state: State, parameters: Parameters, optics: Optics) -> float:
        """Share of the photons sent this way that reach the analyser."""
        way = optics.way_to(self.name)
        if way is None or not state.get((way.emitter, "emitting")):
            return 0.0
        loss_db = optics.path_loss_db(way, state) + parameters.value(state, self.name, "insertion_loss_db")
        return float(10.0 ** (-loss_db / 10.0))

    def _brightest_at_detector(self, state: State, parameters: Parameters, optics: Optics) -> float:
        """Mean photons of a pulse behind path and receiver optics."""
        way = optics.way_to(self.name)
        arrival = self.arrival(state, parameters, optics)
        return 0.0 if way is None or not arrival else parameters.value(state, way.emitter, "mean_pairs") * arrival

    def _outcomes(self, efficiency: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """One joint setting, in which every detector has its share; misalignment changes no marginal."""
        straight = (self.setting_shares[np.array(self.roles.basis)] / 2.0 * efficiency)[np.newaxis, :]
        return straight, np.zeros_like(straight)
