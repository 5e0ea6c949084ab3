"""Brings a link to its operating point and its light on, and off again."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, cast

from hil.errors import BenchError, MissingCapabilityError, UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from hil.bench.model import AttenuatorDevice, LaserDevice, SwitchDevice, TemperatureControllerDevice
    from hil.ports.roles import Receiver
    from hil.testbed.link import Link

__all__ = ["down", "restore", "up"]

_STAGE_TOLERANCE_K = 0.2
_LOOK_EVERY_S = 1.0


def up(link: Link) -> None:
    """Outlets on, stage on its set point, attenuator at its operating point, switch through, bias on, light last.

    UsageError while a fault is in: what it moved is its own to move back.
    """
    if faults := [window for window in link.windows if window.end_s == float("inf")]:
        raise UsageError(
            f"link {link.name} cannot be brought up while {faults[0].fault} on {faults[0].target} is in, as that would undo it;"
            " bring it up before the fault"
        )
    devices = link.testbed.bench.device
    for outlet in link.all_of_role("power-outlet"):
        outlet.set_powered(powered=True)
    _stage(link)
    for attenuator in link.all_of_role("attenuator"):
        attenuator.set_attenuation_db(cast("AttenuatorDevice", devices[attenuator.name]).attenuation_db)
    for switch in link.all_of_role("switch"):
        switch.select(cast("SwitchDevice", devices[switch.name]).through_channel)
    _bias(link.receivers, biased=True)
    for unit in link.all_of_role("detector"):
        unit.set_biased(biased=True)
    for laser in link.all_of_role("laser"):
        operating = cast("LaserDevice", devices[laser.name])
        laser.set_setpoint_c(operating.setpoint_c)
        laser.set_current_a(operating.current_a)
        laser.set_emitting(emitting=True)
    link.emitter.set_emitting(emitting=True)


def restore(link: Link, names: Collection[str]) -> None:
    """Bias and light of those of its emitter and receivers that restarted; nothing else moves."""
    _bias([receiver for receiver in link.receivers if receiver.name in names], biased=True)
    if link.emitter.name in names:
        link.emitter.set_emitting(emitting=True)


def down(link: Link) -> None:
    """Light off, then bias off; path and stage stay as they are."""
    link.emitter.set_emitting(emitting=False)
    for laser in link.all_of_role("laser"):
        laser.set_emitting(emitting=False)
    for unit in link.all_of_role("detector"):
        unit.set_biased(biased=False)
    _bias(link.receivers, biased=False)


def _bias(receivers: Iterable[Receiver], *, biased: bool) -> None:
    """Of those that can switch it: detectors on a time tagger have supplies of their own."""
    for receiver in receivers:
        with suppress(MissingCapabilityError):
            receiver.set_biased(biased=biased)


def _stage(link: Link) -> None:
    """Regulate to the declared set point, and wait until the stage is there, twice its settle time at most."""
    controller = link.temperature_controller
    if controller is None:
        return
    declared = cast("TemperatureControllerDevice", link.testbed.bench.device[controller.name])
    if abs(controller.setpoint_c() - declared.setpoint_c) > _STAGE_TOLERANCE_K / 4.0:
        controller.set_setpoint_c(declared.setpoint_c)
    controller.set_enabled(enabled=True)
    clock, limit_s = link.testbed.clock, 2.0 * controller.capabilities.settle_s
    begun_s = link.testbed.now_s()
    while abs((found_c := controller.temperature_c()) - declared.setpoint_c) > _STAGE_TOLERANCE_K:
        if link.testbed.now_s() - begun_s > limit_s:
            raise BenchError(
                f"{controller.name}: its stage stands at {found_c:.2f} °C after {limit_s:g} s, {declared.setpoint_c:g} °C was"
                " asked for; check heater, sensor and ambient temperature"
            )
        clock.sleep(_LOOK_EVERY_S)
