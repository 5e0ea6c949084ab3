"""What a receiver's detectors do in time, in the engine's units: dead time, recovery, afterpulses, jitter, gates, latching.

Time is counted in ticks of 1/65536 of the pulse period. A pulse stands in the middle of its slot. Where neither jitter nor a
gate is declared, everything happens there, and times are whole slots.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, exp, log
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from hil.bench.model import ReceiverDevice

__all__ = ["MIDDLE", "TICKS", "Afterpulses", "Dynamics", "dark_count_factor", "doubling_k", "dynamics_of"]

TICKS = 1 << 16
"""Ticks in a pulse period."""
MIDDLE = TICKS // 2
_SIGMAS = 6.8
_LIFETIMES = 45.0
_BOLTZMANN_EV_PER_K = 8.617333262e-5
_FREEZING_K = 273.15


@dataclass(frozen=True)
class Afterpulses:
    """One family of traps, by detector: chance that a click leaves a seen afterpulse, mean time to it after the dead time."""

    probability: npt.NDArray[np.float64]
    decay_ticks: npt.NDArray[np.float64]

    @property
    def likely(self) -> int:
        """The largest probability in units of 2^-64: marks from there on leave nothing at any detector."""
        return min(int(float(self.probability.max(initial=0.0)) * 2.0**64), 2**64 - 1)


@dataclass(frozen=True)
class Dynamics:
    """Of D detectors. ``recovery_ticks`` 0: all of the efficiency is back at once; ``latch_gap_ticks`` 0: never latches.

    ``extra_jitter_ticks`` is what detectors have beyond the jitter that all have, in squares. The gate is open ``gate_ticks``
    around the middle of every ``gate_every``-th slot; 0: always. An eavesdropper makes light ``early_ticks`` early, or as much
    late.
    """

    blind_ticks: npt.NDArray[np.int64]
    afterpulses: tuple[Afterpulses, ...]
    paralysable: bool = False
    recovery_ticks: npt.NDArray[np.float64] | None = None
    jitter_ticks: float = 0.0
    tail_ticks: float = 0.0
    tail_share: float = 0.0
    gate_ticks: int = 0
    gate_every: int = 1
    latch_gap_ticks: npt.NDArray[np.int64] | None = None
    latch_reset_ticks: npt.NDArray[np.int64] | None = None
    extra_jitter_ticks: npt.NDArray[np.float64] | None = None
    early_ticks: int = 0

    @property
    def fine(self) -> bool:
        """Whether time inside a slot matters."""
        return self.most_jitter_ticks > 0.0 or self.gate_ticks > 0 or self.tail_share > 0.0 or self.early_ticks > 0

    @property
    def jitters_ticks(self) -> npt.NDArray[np.float64]:
        """Jitter of each detector; shape (D,)."""
        extra = 0.0 if self.extra_jitter_ticks is None else self.extra_jitter_ticks
        each: npt.NDArray[np.float64] = np.hypot(np.full(self.blind_ticks.shape, self.jitter_ticks), extra)
        return each

    @property
    def most_jitter_ticks(self) -> float:
        """That of the detector which has most."""
        return self.jitter_ticks if self.extra_jitter_ticks is None else float(self.jitters_ticks.max(initial=0.0))

    @property
    def latching(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """How soon after a click another one latches each detector, and for how long; 0 where none does."""
        never = np.zeros(self.blind_ticks.shape, dtype=np.int64)
        gap, reset = self.latch_gap_ticks, self.latch_reset_ticks
        return never if gap is None else gap, never if reset is None else reset

    @property
    def plain(self) -> bool:
        """Whether a fixed dead time after each click is all there is to decide."""
        return not (self.paralysable or self.recovery_ticks is not None or self.latch_gap_ticks is not None)

    @property
    def lead_pulses(self) -> int:
        """By how many slots a click may come before its pulse."""
        return ceil(max(_SIGMAS * self.most_jitter_ticks + min(self.early_ticks, MIDDLE) - MIDDLE, 0.0) / TICKS)

    @property
    def memory_ticks(self) -> npt.NDArray[np.int64]:
        """How long ago an event may lie and still matter to its detector; shape (D,)."""
        recovery = 0.0 if self.recovery_ticks is None else _LIFETIMES * self.recovery_ticks
        longest: npt.NDArray[np.int64] = np.maximum(self.blind_ticks + np.ceil(recovery).astype(np.int64), self.latching[0])
        return longest

    @property
    def blind_pulses(self) -> npt.NDArray[np.float64]:
        """Dead time in pulses; shape (D,)."""
        return self.blind_ticks / TICKS

    @property
    def afterpulse_probability(self) -> npt.NDArray[np.float64]:
        """Afterpulses that a click leaves on average; shape (D,)."""
        total: npt.NDArray[np.float64] = np.sum([family.probability for family in self.afterpulses], axis=0)
        return total

    def without_afterpulses(self) -> Dynamics:
        """The same of detectors that see no single photons, and so none of their traps."""
        empty = tuple(Afterpulses(0.0 * family.probability, family.decay_ticks) for family in self.afterpulses)
        return replace(self, afterpulses=empty)

    @property
    def open_share(self) -> float:
        """Share of time in which the gate is open."""
        return min(self.gate_ticks / TICKS, 1.0) / self.gate_every if self.gate_ticks else 1.0


def dynamics_of(
    device: ReceiverDevice,
    rate_hz: float,
    each: Callable[[str], npt.NDArray[np.float64]],
) -> Dynamics:
    """Dynamics at a pulse rate; ``each`` gives a parameter's present value at every detector.

    With a hold-off, traps that empty in it are not seen: the chance shrinks by exp(-held / decay), held being the longer of
    dead time and hold-off, and the rest is as before, as emptying has no memory.
    """
    ticks_per_s = rate_hz * TICKS
    jitter_s, latch_hz, reset_s = each("jitter_sigma_s"), each("latch_rate_hz"), each("latch_reset_s")
    common_s = float(jitter_s.min(initial=np.inf)) if jitter_s.size else 0.0
    extra_s = np.sqrt(np.maximum(jitter_s**2 - common_s**2, 0.0))
    gap = np.round(ticks_per_s / np.where(latch_hz > 0.0, latch_hz, np.inf)).astype(np.int64)
    fine = bool((jitter_s > 0.0).any()) or device.gate_width_s > 0.0 or device.jitter_tail_share > 0.0
    held_s = np.maximum(each("dead_time_s"), device.afterpulse_hold_off_s)
    blind = np.floor(held_s * ticks_per_s + 0.065) if fine else np.floor(held_s * rate_hz + 1e-6) * TICKS
    families = [(each("afterpulse_probability"), each("afterpulse_decay_s"))]
    families += [
        (np.full(held_s.shape, more.probability), np.full(held_s.shape, more.decay_s)) for more in device.further_afterpulses
    ]
    unseen = held_s if device.afterpulse_hold_off_s > 0.0 else np.zeros_like(held_s)
    recovery_s = each("recovery_time_s")
    return Dynamics(
        blind_ticks=blind.astype(np.int64),
        afterpulses=tuple(
            Afterpulses(probability * np.exp(-unseen / decay_s), decay_s * ticks_per_s) for probability, decay_s in families
        ),
        paralysable=device.dead_time_kind == "paralysable",
        recovery_ticks=recovery_s * ticks_per_s if recovery_s.any() else None,
        jitter_ticks=common_s * ticks_per_s,
        extra_jitter_ticks=extra_s * ticks_per_s if extra_s.any() else None,
        tail_ticks=device.jitter_tail_s * ticks_per_s,
        tail_share=device.jitter_tail_share,
        gate_ticks=round(device.gate_width_s * ticks_per_s),
        gate_every=max(round(device.gate_period_s * rate_hz), 1),
        latch_gap_ticks=gap if gap.any() else None,
        latch_reset_ticks=np.round(reset_s * ticks_per_s).astype(np.int64),
    )


def dark_count_factor(device: ReceiverDevice, temperature_c: float) -> float:
    """Dark counts at a temperature over those at the declared one: Arrhenius, exp(-E / kT), or a doubling every few kelvin."""
    declared_c = device.detector_temperature_c
    if device.dark_count_activation_ev > 0.0:
        inverse_k = 1.0 / (declared_c + _FREEZING_K) - 1.0 / (temperature_c + _FREEZING_K)
        return exp(device.dark_count_activation_ev / _BOLTZMANN_EV_PER_K * inverse_k)
    return exp(log(2.0) * (temperature_c - declared_c) / device.dark_count_doubling_k)


def doubling_k(device: ReceiverDevice) -> float:
    """Kelvin in which dark counts double about the declared temperature; Arrhenius: ln 2 k T^2 / E."""
    if device.dark_count_activation_ev > 0.0:
        declared_k = device.detector_temperature_c + _FREEZING_K
        return log(2.0) * _BOLTZMANN_EV_PER_K * declared_k**2 / device.dark_count_activation_ev
    return device.dark_count_doubling_k
