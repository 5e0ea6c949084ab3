"""What reaches the detectors of one receiver in one state of the bench, per pulse.

Photo-detections of coherent pulses are Poisson: a pulse of mean photon number mu gives ``mu * T * arm * f * efficiency`` on
average at a detector, with T the transmittance of path and receiver optics, ``arm`` the share of the detector's basis, and f
what the measurement sends to it: ``1 - e`` or ``e`` (misalignment) in the basis of preparation, one half in the other.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from hil.seeds import derive

from .dynamics import TICKS, Dynamics, dark_count_factor, dynamics_of
from .eve import Eve, attack_of, faked_clicks
from .photons import photon_tables
from .source import hash_indices

if TYPE_CHECKING:
    import numpy.typing as npt

    from hil.bench.model import ReceiverDevice

    from .eve import Attack
    from .optics import Optics
    from .parameters import Parameters
    from .photons import PhotonTables
    from .source import Source
    from .surroundings import Surroundings
    from .timeline import State

__all__ = ["Receiver", "Reception", "Roles", "Routes"]

BASES = 2
_PHOTON_J = 1.28e-19
"""Energy of a photon at 1550 nm."""
_BUSY = 10.0
"""Photo-detections offered in a dead time: ten elevenths of 1 / dead time are counted then, and all that is sampled for it."""
_CROWDED = 25.0
"""What numpy takes for a candidate in a crowd, in those of ordinary light: 1.4 us against 55 ns, measured."""
_UNDECIDED = Dynamics(np.zeros(0, dtype=np.int64), ())
"""Of a reception of light alone."""


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
class Routes:
    """Where single photons go: ``straight`` and ``tilt`` of shape (resent by Eve, late, state, choice of Bob, detector)."""

    tables: PhotonTables
    attack: Attack | None
    straight: npt.NDArray[np.float64]
    tilt: npt.NDArray[np.float64]
    faked: npt.NDArray[np.bool_] | None


@dataclass(frozen=True)
class Reception:
    """One state, with S joint settings (times Bob's two bases, where he chooses actively) and D detectors.

    Proposed photo-detections come at ``proposals_per_pulse``; with misalignment e, one of setting s is a detection at d with
    probability ``straight[s, d] + e * tilt[s, d]``. Dark counts are those of an open gate.
    """

    proposals_per_pulse: float
    straight: npt.NDArray[np.float64]
    tilt: npt.NDArray[np.float64]
    dark_per_pulse: npt.NDArray[np.float64]
    dynamics: Dynamics
    misalignment: float
    misalignment_per_k: float
    headroom: float = 1.0
    """How far proposals exceed what comes on average: pulses may be brighter than their setting. Below 1 where a brightest
    moment would bring more photons than are sent."""
    ageing: tuple[float, float] = (0.0, 0.0)
    """Efficiency lost and dark counts gained in 1000 hours, as shares of what there is."""
    routes: Routes | None = None
    """Where photons are counted one by one; the rest of a reception then is what comes on average."""
    stray_share: float = 0.0
    """Of the proposals, those in a slot beside their own."""
    lit_per_pulse: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(1))
    """Of ``dark_per_pulse``, what light gives that is none of the transmitter's: (D,)."""
    varying_per_pulse: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 1)))
    """Background beyond ``dark_per_pulse`` when there is most of it, by kind (thermal dark counts, daylight): (K, D)."""
    often: npt.NDArray[np.float64] = field(default_factory=lambda: np.ones(1))
    """How often each joint setting occurs: (S,)."""
    unseen_per_pulse: float = 0.0
    """Events the sampler has to go through although they show elsewhere."""
    synchronised: bool = True
    """Whether the receiver can tell which pulse a click belongs to."""

    @property
    def candidates_per_pulse(self) -> float:
        """Everything the sampler has to look at."""
        background = float(self.dark_per_pulse.sum()) + float(self.varying_per_pulse.sum())
        return self.proposals_per_pulse + self.unseen_per_pulse + background

    @property
    def effort_per_pulse(self) -> float:
        """The same in candidates of ordinary light: those that crowd into dead times cost numpy a step each."""
        blind_pulses = float(np.max(self.dynamics.blind_ticks)) / TICKS
        crowded = self.candidates_per_pulse * blind_pulses > self.dark_per_pulse.size
        return self.candidates_per_pulse * (_CROWDED if crowded else 1.0)


class Receiver:
    """A receiver at the end of its link: the constants of its declaration, and its reception in any state."""

    def __init__(self, name: str, device: ReceiverDevice, seed: int, source: Source | None, rate_hz: float) -> None:
        self.name = name
        self.device = device
        self.roles = Roles.of(device.detectors)
        self.source = source
        self.rate_hz = rate_hz
        self.active = device.basis_choice == "active"
        self.eve = Eve(seed, name)
        self.basis_key = derive(seed, "basis", name)
        self.basis_threshold = round(device.key_basis_probability * 2**63)

    def reception(
        self,
        state: State,
        parameters: Parameters,
        optics: Optics,
        surroundings: Surroundings | None = None,
        *,
        latched: bool = False,
    ) -> Reception | None:
        """What reaches the detectors at the brightest moment; None without bias. Latched ones see nothing."""
        if not state.get((self.name, "biased")):
            return None

        names = self.device.detectors

        def each(parameter: str) -> npt.NDArray[np.float64]:
            return np.array([parameters.value(state, self.name, f"{name}.{parameter}") for name in names])

        alive = np.array([parameters.excess_bias(state, self.name, name) for name in names])

        way = optics.way_to(self.name)
        attack = None if way is None or way.link.entangled else attack_of(state, parameters, way.name)
        shifts = (0.0,) if attack is None or not attack.shift_s else (-attack.shift_s, attack.shift_s)
        efficiency = each("efficiency") * alive
        efficiencies = [np.minimum(efficiency * self._timed(state, parameters, shift), 1.0) for shift in shifts]
        best = max(float(np.max(efficiencies)), 1e-300)
        errors = self._errors(state, parameters)
        arriving = self._transmittance(state, parameters, optics)
        arriving *= 1.0 if surroundings is None else surroundings.peak_gain(state)
        light = self._coherent(self._intensities(state, parameters, optics), arriving, efficiencies[0], errors[0])
        source = self.source
        if source is not None and (attack is not None or source.single_photons) and light.proposals_per_pulse > 0.0:
            relative = [timed / best for timed in efficiencies]
            light = self._counted(attack, relative, (arriving * best, best), errors, (state, parameters, optics))
        power_w = self._bright_w(state, parameters, optics)
        blinded = power_w > 0.0 and power_w >= parameters.value(state, self.name, "blinding_threshold_w")
        temperature_c = parameters.value(state, self.name, "detector_temperature_c")
        warmth_c = [temperature_c + parameters.warmer_k(state, self.name, name) for name in names]
        thermal = np.array([dark_count_factor(self.device, each_c) for each_c in warmth_c])
        dark_hz = each("dark_count_rate_hz") * alive * thermal
        # more than a photon of her light in a pulse period, or some in a dead time, changes nothing: the detector is busy
        busy_hz = np.minimum(self.rate_hz, _BUSY / np.maximum(each("dead_time_s"), 1e-12))
        bright_hz = np.minimum(power_w / _PHOTON_J * efficiency / len(self.device.detectors), busy_hz)
        seen = efficiency * 10.0 ** (-parameters.value(state, self.name, "insertion_loss_db") / 10.0)
        lit_hz, day_hz = self._stray_light_hz(state, optics, seen)
        least, most = (1.0, 1.0) if surroundings is None else surroundings.dark_factors(state)
        varying_hz = np.stack([dark_hz * (most - least), day_hz])[: 0 if surroundings is None else 2]
        quiet = latched or blinded
        awake = 0.0 if quiet else 1.0
        dynamics = dynamics_of(self.device, self.rate_hz, each)
        if attack is not None and attack.shift_s:
            dynamics = replace(dynamics, early_ticks=round(attack.shift_s * self.rate_hz * TICKS))
        return replace(
            light,
            proposals_per_pulse=0.0 if latched else light.proposals_per_pulse,
            routes=None if latched else light.routes,
            dark_per_pulse=(dark_hz * least + lit_hz + bright_hz) * awake / self.rate_hz,
            lit_per_pulse=(lit_hz + bright_hz) * awake / self.rate_hz,
            varying_per_pulse=varying_hz * awake / self.rate_hz,
            stray_share=0.0 if way is None else optics.stray_share(way, state),
            dynamics=dynamics.without_afterpulses() if quiet else dynamics,
            ageing=(
                parameters.value(state, self.name, "efficiency_ageing"),
                parameters.value(state, self.name, "dark_count_ageing"),
            ),
            misalignment=parameters.value(state, self.name, "misalignment"),
            misalignment_per_k=self.device.misalignment_per_k,
            often=self._often(state, parameters, optics),
            synchronised=parameters.synchronised(state, self.name),
        )

    def latches(self, state: State, parameters: Parameters, optics: Optics) -> bool:
        """Whether the light of a state latches the detectors."""
        threshold_w = parameters.value(state, self.name, "latching_threshold_w")
        return 0.0 < threshold_w <= self._bright_w(state, parameters, optics)

    def choices(self, index: npt.NDArray[np.int64]) -> npt.NDArray[np.intp]:
        """The basis that an active receiver chooses for each pulse."""
        chosen = hash_indices(index, self.basis_key) >> np.uint64(1)
        return (chosen >= np.uint64(self.basis_threshold)).astype(np.intp)

    def _often(self, state: State, parameters: Parameters, optics: Optics) -> npt.NDArray[np.float64]:
        """How often each of the S settings occurs in a state; shape (1,) without a transmitter."""
        way = optics.way_to(self.name)
        if self.source is None or way is None:
            return np.ones(1)
        sent = self.source.probabilities(parameters.value(state, way.emitter, "key_basis_probability"))
        if not self.active:
            return sent
        key_basis = self.device.key_basis_probability
        return np.outer(sent, (key_basis, 1.0 - key_basis)).ravel()

    def _stray_light_hz(
        self, state: State, optics: Optics, seen: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Counts of each detector from the fibre's traffic and the night sky, and what the day adds: two of shape (D,).

        ``seen``: share of the photons at the receiver's input that a detector would see if all light went its way.
        """
        way = optics.way_to(self.name)
        if way is None:
            return 0.0 * seen, 0.0 * seen
        night_hz, day_hz = optics.sky_photons_hz(way, state)
        always_hz = optics.raman_photons_hz(way, state) + night_hz
        shares = self._unpolarised()
        return always_hz * shares * seen, max(day_hz - night_hz, 0.0) * shares * seen

    def _unpolarised(self) -> npt.NDArray[np.float64]:
        """Share of unpolarised light that each detector gets, shape (D,)."""
        key_basis = self.device.key_basis_probability
        return np.array([(key_basis, 1.0 - key_basis)[basis] for basis in self.roles.basis]) / 2.0

    def _intensities(self, state: State, parameters: Parameters, optics: Optics) -> tuple[float, ...]:
        """Mean photon numbers at the transmitter's output, by setting; none while it does not emit."""
        way = optics.way_to(self.name)
        if way is None or self.source is None or not state.get((way.emitter, "emitting")):
            return (0.0,) * (1 if self.source is None else len(self.source.intensities))
        light = parameters.light(state, way.emitter)
        return tuple(
            intensity * light * parameters.value(state, way.emitter, f"{number}.intensity_scale")
            for number, intensity in enumerate(self.source.intensities)
        )

    def _transmittance(self, state: State, parameters: Parameters, optics: Optics) -> float:
        """Of path and receiver optics; 0 where no link leads here."""
        way = optics.way_to(self.name)
        if way is None:
            return 0.0
        loss_db = optics.path_loss_db(way, state) + parameters.value(state, self.name, "insertion_loss_db")
        return float(10.0 ** (-(loss_db + optics.filter_loss_db(way, state)) / 10.0))

    def _bright_w(self, state: State, parameters: Parameters, optics: Optics) -> float:
        """An eavesdropper's continuous light behind the receiver's optics."""
        way = optics.way_to(self.name)
        loss_db = parameters.value(state, self.name, "insertion_loss_db")
        return 0.0 if way is None else optics.blinding_w(way, state) * float(10.0 ** (-loss_db / 10.0))

    def _timed(self, state: State, parameters: Parameters, arrival_s: float) -> npt.NDArray[np.float64]:
        """Efficiency of each detector for light that comes so much late, relative to that at the declared time."""
        offset_s = parameters.value(state, self.name, "efficiency_offset_s")
        centre_s = (np.array(self.roles.bit) - 0.5) * offset_s
        width_s = self.device.efficiency_width_s
        timed: npt.NDArray[np.float64] = 16.0 ** -(((arrival_s - centre_s) ** 2 - centre_s**2) / width_s**2)
        return timed

    def _errors(self, state: State, parameters: Parameters) -> npt.NDArray[np.float64]:
        """Share of each resent state, and of each of Alice's, that is measured as the opposite: shape (2, 2, 2)."""
        errors = np.zeros((2, 2, 2))
        if self.source is not None:
            errors[0] = self.source.state_errors
            if self.source.time_bin:
                flipped = np.sin(parameters.value(state, self.name, "phase_error_rad") / 2.0) ** 2
                errors[:, 1] += flipped - 2.0 * flipped * errors[:, 1]
        return errors

    def _coherent(
        self,
        intensities: tuple[float, ...],
        arriving: float,
        efficiency: npt.NDArray[np.float64],
        errors: npt.NDArray[np.float64],
    ) -> Reception:
        """Coherent pulses that nobody touched, behind this transmittance."""
        transmittance = arriving * float(efficiency.max())
        headroom = 1.0 if self.source is None else self.source.headroom
        straight, tilt = self._routes(efficiency / max(float(efficiency.max()), 1e-300), errors)
        relative = np.array(intensities) / max(*intensities, 1e-300)
        shape = (-1, len(self.device.detectors))
        nothing = np.zeros(shape[1])
        return Reception(
            proposals_per_pulse=max(intensities) * headroom * transmittance,
            headroom=headroom,
            straight=np.multiply.outer(relative, straight).reshape(shape),
            tilt=np.multiply.outer(relative, tilt).reshape(shape),
            dark_per_pulse=nothing,
            dynamics=_UNDECIDED,
            misalignment=0.0,
            misalignment_per_k=0.0,
        )

    def _counted(
        self,
        attack: Attack | None,
        relative: list[npt.NDArray[np.float64]],
        detected: tuple[float, float],
        errors: npt.NDArray[np.float64],
        at: tuple[State, Parameters, Optics],
    ) -> Reception:
        """Pulses whose photons are counted one by one, and what comes of them on average.

        ``detected`` is the share of sent photons that the best detector sees, and of those that are in front of it.
        """
        assert self.source is not None
        state, parameters, optics = at
        transmittance, best = detected
        own = float(10.0 ** (-parameters.value(state, self.name, "insertion_loss_db") / 10.0)) * best
        headroom = min(1.0, 1.0 / max(transmittance, 1e-300))
        tables = photon_tables(
            self.source, self._intensities(state, parameters, optics), min(transmittance, 1.0), min(own, 1.0)
        )
        if tables.most <= 0.0:  # no more than a float tells from no light
            return self._coherent((0.0,) * len(self.source.intensities), 0.0, relative[0], errors[0])
        late = (relative[0], relative[-1])
        found = [[self._routes(efficiency, errors[resent]) for efficiency in late] for resent in (0, 1)]
        straight, tilt = (np.array([[pair[part] for pair in row] for row in found]) for part in (0, 1))
        power_w = self._bright_w(state, parameters, optics)
        blinded = power_w > 0.0 and power_w >= parameters.value(state, self.name, "blinding_threshold_w")
        faked = faked_clicks(self.roles.basis, self.roles.bit, self._arms()) if blinded else None
        routes = Routes(tables, attack, straight, tilt, faked)
        taken, split = (0.0, 0.0) if attack is None else (attack.intercepted, attack.split)
        mean = (1.0 - split) * tables.mean[0] + split * tables.mean[1]
        averages = []
        for routed in (straight, tilt):
            state_wise = (1.0 - taken) * self._timely(routed[0], attack) + taken * self._resent(self._timely(routed[1], attack))
            if faked is not None:
                often = np.array(
                    [1.0] if len(faked) == 1 else [self.device.key_basis_probability, 1.0 - self.device.key_basis_probability]
                )
                state_wise = np.einsum("h,shd,cde->sce", often, state_wise, faked.astype(np.float64))
            averages.append(np.multiply.outer(mean / tables.most, state_wise).reshape(-1, len(self.device.detectors)))
        empty = np.zeros(len(self.device.detectors))
        return Reception(tables.most, averages[0], averages[1], empty, _UNDECIDED, 0.0, 0.0, headroom, routes=routes)

    def _timely(self, routed: npt.NDArray[np.float64], attack: Attack | None) -> npt.NDArray[np.float64]:
        """The average over early and late pulses (first axis), as often as an eavesdropper makes them."""
        late = 0.5 if attack is None else attack.late_fraction
        result: npt.NDArray[np.float64] = (1.0 - late) * routed[0] + late * routed[1]
        return result

    def _resent(self, routed: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """What comes of Alice's states on average when Eve measured them: half as sent, half random in the other basis."""
        assert self.source is not None
        wrong = self.source.state_errors.reshape(4, 1, 1)
        own = (1.0 - wrong) * routed + wrong * routed[[1, 0, 3, 2]]
        result: npt.NDArray[np.float64] = 0.5 * own + 0.25 * (routed[[2, 2, 0, 0]] + routed[[3, 3, 1, 1]])
        return result

    def _routes(
        self, efficiency: npt.NDArray[np.float64], errors: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Chances of each detector for one photon, by state and choice: without misalignment, and what a unit of it adds."""
        arms = self._arms()
        straight = np.zeros((4, len(arms), len(efficiency)))
        tilt = np.zeros_like(straight)
        for state, wrong in enumerate(errors.ravel()):
            for choice, way in enumerate(arms):
                for detector, (basis, bit) in enumerate(zip(self.roles.basis, self.roles.bit, strict=True)):
                    share = way[basis] * efficiency[detector]
                    slope = 0.0 if basis != state >> 1 else (2.0 * wrong - 1.0 if bit == state & 1 else 1.0 - 2.0 * wrong)
                    even = 0.5 if basis != state >> 1 else (1.0 - wrong if bit == state & 1 else wrong)
                    straight[state, choice, detector], tilt[state, choice, detector] = share * even, share * slope
        return straight, tilt

    def _arms(self) -> tuple[tuple[float, float], ...]:
        """Share of the light that is measured in each basis, for each of Bob's choices.

        An interferometer sends half of the light to the slots beside the one that interferes, which nothing counts.
        """
        key_basis = self.device.key_basis_probability
        interfering = 0.5 if self.source is not None and self.source.time_bin else 1.0
        if self.active:
            return (1.0, 0.0), (0.0, interfering)
        return ((key_basis, (1.0 - key_basis) * interfering),)
