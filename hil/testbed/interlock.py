"""The optical interlock: no move may put more light on a detector than it bears.

Before an attenuator, a switch or a source moves, the power at every detector behind it is computed as it would be afterwards:
what the sources of its ways send, pilot light included, less what stands between. A move that would bring more light than now,
and more than the receiver's ``damage_threshold``, is refused, whoever asks for it. Moves that darken always go through, so that
parking never fails here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hil.bench.model import (
    AttenuatorDevice,
    LaserDevice,
    PairSourceDevice,
    ReceiverDevice,
    SwitchDevice,
    TransmitterDevice,
)
from hil.errors import HilError, InterlockError
from hil.physics.link_model import elements_loss_db
from hil.physics.received_power import mean_photon_power_w, received_power_w

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hil.bench.model import Bench, Link

__all__ = ["Interlock"]

State = dict[tuple[str, str], float]
"""Settings by device and name: ``attenuation_db``, ``channel``, ``emitting``, ``current_a``."""
_MOVES = {"attenuation_db", "channel", "emitting", "current_a"}


@dataclass(frozen=True)
class _Way:
    """From one source to one receiver; ``where`` names it in errors, ``lasers`` are those that drive the source."""

    where: str
    link: Link
    emitter: str
    receiver: str
    lasers: tuple[str, ...]

    def settings(self, bench: Bench) -> Iterator[tuple[str, str]]:
        """All that decides how much light arrives."""
        yield self.emitter, "emitting"
        for laser in self.lasers:
            yield laser, "emitting"
            yield laser, "current_a"
        for element in self.link.path:
            device = bench.device.get(element)
            if isinstance(device, AttenuatorDevice):
                yield element, "attenuation_db"
            elif isinstance(device, SwitchDevice):
                yield element, "channel"


class Interlock:
    """Of one bench; ``devices`` are its drivers as they are opened, which are asked for their settings where it matters.

    What cannot be asked counts as bright as it can be: sources on, switches through, attenuators at the least they may have.
    """

    def __init__(self, bench: Bench, devices: Mapping[str, Any]) -> None:
        self._bench = bench
        self._devices = devices
        self._ways = tuple(_ways(bench))

    def check(self, device: str, setting: str, value: float) -> None:
        """InterlockError for a move that must not be made; nothing has been sent then."""
        if setting not in _MOVES:
            return
        for receiver in dict.fromkeys(way.receiver for way in self._ways if (device, setting) in way.settings(self._bench)):
            self._check_receiver(receiver, device, setting, value)

    def power_w(self, receiver: str, state: State) -> float:
        """Light at the receiver's detectors in that state, all of it on one: polarised light may go one way."""
        declared = self._bench.device[receiver]
        assert isinstance(declared, ReceiverDevice)
        ways = (way for way in self._ways if way.receiver == receiver)
        arriving_w = sum(received_power_w(self._sent_w(way, state), self._loss_db(way, state)) for way in ways)
        return received_power_w(arriving_w, declared.insertion_loss_db)

    def _check_receiver(self, receiver: str, device: str, setting: str, value: float) -> None:
        declared = self._bench.device[receiver]
        assert isinstance(declared, ReceiverDevice)
        limit_w, moved = declared.damage_threshold_w, {(device, setting): value}
        ways = [way for way in self._ways if way.receiver == receiver]
        keys = dict.fromkeys(key for way in ways for key in way.settings(self._bench))
        if self.power_w(receiver, {key: self._brightest(*key) for key in keys} | moved) <= limit_w:
            return
        now = {key: self._now(*key) for key in keys}
        after_w = self.power_w(receiver, now | moved)
        if after_w <= limit_w or self._darkens(receiver, now, device, setting, value):
            return
        names = ", ".join(f"{receiver}.{name}" for name in declared.detectors)
        raise InterlockError(
            device,
            f"{setting} = {value:g} asked for, but then {after_w:.3g} W could reach a detector of {receiver} ({names}), which"
            f" bears {limit_w:.3g} W (damage_threshold of [device.{receiver}]); nothing was sent."
            " Attenuate, or switch the light off, first",
            receiver=receiver,
            power_w=after_w,
            limit_w=limit_w,
        )

    def _darkens(self, receiver: str, now: State, device: str, setting: str, value: float) -> bool:
        """Whether the move brings no more light than there is: how a device stands is then taken as it says, not as feared."""
        if value == self._darkest(device, setting):
            return True
        stands = self._asked(device, setting)
        if stands is None:
            return False
        return self.power_w(receiver, now | {(device, setting): value}) <= self.power_w(
            receiver, now | {(device, setting): stands}
        )

    def _now(self, device: str, setting: str) -> float:
        asked = self._asked(device, setting)
        return self._brightest(device, setting) if asked is None else asked

    def _asked(self, device: str, setting: str) -> float | None:
        reading = getattr(self._devices.get(device), setting, None)
        if reading is None:
            return None
        try:
            return float(reading())
        except (HilError, OSError):
            return None

    def _brightest(self, device: str, setting: str) -> float:
        declared = self._bench.device[device]
        if isinstance(declared, SwitchDevice):
            return float(declared.through_channel)
        if isinstance(declared, LaserDevice) and setting == "current_a":
            return declared.limit_a
        return 0.0 if setting == "attenuation_db" else 1.0

    def _darkest(self, device: str, setting: str) -> float:
        declared = self._bench.device[device]
        if isinstance(declared, SwitchDevice):
            return float(declared.dark_channel)
        if setting != "attenuation_db":
            return 0.0
        ranges = getattr(getattr(self._devices.get(device), "capabilities", None), "ranges", {})
        return float(ranges["attenuation_db"][1]) if "attenuation_db" in ranges else float("inf")

    def _sent_w(self, way: _Way, state: State) -> float:
        if not state[way.emitter, "emitting"]:
            return 0.0
        sent_w = _full_w(self._bench.device[way.emitter])
        for laser in way.lasers:
            declared = self._bench.device[laser]
            assert isinstance(declared, LaserDevice)
            above_a = max(state[laser, "current_a"] - declared.threshold_a, 0.0) if state[laser, "emitting"] else 0.0
            sent_w *= above_a / (declared.current_a - declared.threshold_a)
        return sent_w

    def _loss_db(self, way: _Way, state: State) -> float:
        loss_db = 0.0
        for element in way.link.path:
            device = self._bench.device.get(element)
            if isinstance(device, AttenuatorDevice):
                loss_db += state[element, "attenuation_db"]
                continue
            loss_db += elements_loss_db(self._bench, way.where, way.link, (element,))
            if isinstance(device, SwitchDevice) and state[element, "channel"] != device.through_channel:
                loss_db += device.isolation_db
        return loss_db


def _ways(bench: Bench) -> Iterator[_Way]:
    for name, link in bench.link.items():
        emitter = link.source if link.entangled else link.parties.get("a", "")
        if not isinstance(bench.device.get(emitter), TransmitterDevice | PairSourceDevice):
            continue  # recorded pairs, chains of repeaters: no light of ours
        lasers = tuple(
            laser for laser, device in bench.device.items() if isinstance(device, LaserDevice) and device.drives == emitter
        )
        for party in ("a", "b") if link.entangled else ("b",):
            receiver = link.parties[party]
            if isinstance(bench.device[receiver], ReceiverDevice):
                along = link.along(party) if link.entangled else link
                yield _Way(f"link.{name}", along, emitter, receiver, lasers)


def _full_w(source: Any) -> float:
    """What a source sends at its operating point: pilot light, and the brightest signal it makes."""
    photons = source.mean_pairs if isinstance(source, PairSourceDevice) else max(source.intensities)
    return float(source.pilot_power_w + mean_photon_power_w(photons, source.pulse_rate_hz))
