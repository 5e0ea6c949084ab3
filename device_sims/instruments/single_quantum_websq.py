"""Simulated Single Quantum WebSQ driver of superconducting nanowire detectors: JSON on one TCP port, pushed counts on another.

Requests are JSON objects one after the other; every answer is one, ended by a byte 0x17. The count port says ``time,counts``
(Unix time) once in every measurement period to whoever is connected (ports 12000 and 12345 on the real one). One detector is
installed: the one the bench file names. It counts while detectors are enabled and its bias current is above nine tenths of the
declared 20 uA, and latches nothing.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hil.bench.model import DetectorDevice
from hil.device_sims.spec import Endpoint, Later, Reply, TwinSpec
from hil.device_sims.world.time_of_day import time_of_day

from ._nameplate import declared_as, serial_number

if TYPE_CHECKING:
    from hil.device_sims.world.world import World

__all__ = ["SPEC", "SingleQuantumWebSq"]

_END = b"\x17"
_OPERATING_UA, _SUPERCONDUCTING = 20.0, 0.9
_LONGEST = 1 << 16
_SHORTEST_MS, _LONGEST_MS = 10.0, 1e5
_DECODER = json.JSONDecoder()


class SingleQuantumWebSq:
    """One driver: its labels, which all connections share."""

    def __init__(self, world: World, device: str) -> None:
        declared_as(world, device, DetectorDevice)
        self._world, self._device = world, device
        self.labels: dict[str, Any] = {
            "NumberOfDetectors": 1,
            "BiasCurrent": [_OPERATING_UA],
            "TriggerLevel": [100.0],
            "BiasVoltage": [0.0],
            "DetectorEnable": bool(world.beside.biased(device)),
            "InptMeasurementPeriod": 100.0,
            "DarkCountsAutoIV": [100.0],
            "StartAutoIV": False,
            "SerialNumber": serial_number(world, device, "SQ"),
            "SoftwareVersion": "2.7.1",
        }

    @property
    def period_s(self) -> float:
        """Between two lines of the count port."""
        return float(self.labels["InptMeasurementPeriod"]) / 1e3

    def clicks(self, now_ns: int) -> int:
        """Of the detector, since power-up."""
        return self._world.beside.clicks(self._device, now_ns)

    def unix_time_s(self, now_ns: int) -> float:
        """Its clock."""
        return time_of_day(self._world, self._device, now_ns).timestamp()

    def execute(self, message: dict[str, Any], now_ns: int) -> list[dict[str, Any]]:
        """The answers to one object."""
        if "request" in message:
            return self._tell(str(message["request"]))
        label, value = str(message.get("label", "")), message.get("value")
        command = str(message.get("command", ""))
        if command == "AutoCaliBiasCurrents":
            self.labels["BiasCurrent"] = [_OPERATING_UA]
            return [{"label": "BiasCurrent", "value": self.labels["BiasCurrent"]}]
        problem = self._problem(command, label, value)
        if problem:
            return [{"label": "Error", "value": problem}]
        self.labels[label] = value
        self._bias(now_ns)
        return [{"label": label, "value": value}]

    def _tell(self, request: str) -> list[dict[str, Any]]:
        if request == "labelProps":
            return [{"label": label, "value": {"value": value}} for label, value in self.labels.items()]
        if request in self.labels:
            return [{"label": request, "value": {"value": self.labels[request]}}]
        return [{"label": "Error", "value": f"unknown request {request[:40]}"}]

    def _problem(self, command: str, label: str, value: Any) -> str:
        """Why a command is refused; empty for one that is carried out."""
        wanted = {
            "SetAllBiasCurrents": "BiasCurrent",
            "SetAllTriggerLevels": "TriggerLevel",
            "DarkCountsAutoIV": "DarkCountsAutoIV",
            "DetectorEnable": "DetectorEnable",
            "SetMeasurementPeriod": "InptMeasurementPeriod",
        }
        if command not in wanted or label != wanted[command]:
            return f"unknown command {command[:40]}"
        if label == "DetectorEnable":
            return "" if isinstance(value, bool) else "expected true or false"
        if label == "InptMeasurementPeriod":
            return "" if _is_number(value) and _SHORTEST_MS <= value <= _LONGEST_MS else "period out of range"
        fits = isinstance(value, list) and len(value) == 1 and _is_number(value[0]) and abs(value[0]) < 1e6
        return "" if fits else "expected one number a detector"

    def _bias(self, now_ns: int) -> None:
        biased = bool(self.labels["DetectorEnable"]) and self.labels["BiasCurrent"][0] >= _SUPERCONDUCTING * _OPERATING_UA
        if biased is not self._world.beside.biased(self._device):
            self._world.beside.set_biased(self._device, now_ns, biased=biased)


class Control:
    """One connection to the control port."""

    def __init__(self, driver: SingleQuantumWebSq) -> None:
        self._driver = driver
        self._rest = ""

    def received(self, data: bytes, now_ns: int) -> list[Reply]:
        """Answer every object that is complete, and pass over what is none."""
        self._rest += data.decode("utf-8", errors="replace")
        replies: list[Reply] = []
        while (start := self._rest.find("{")) >= 0:
            self._rest = self._rest[start:]
            try:
                message, end = _DECODER.raw_decode(self._rest)
            except (json.JSONDecodeError, RecursionError):
                if "}{" not in self._rest and len(self._rest) < _LONGEST:
                    return replies
                self._rest = self._rest[1:]
                continue
            self._rest = self._rest[end:]
            answers = self._driver.execute(message, now_ns)
            replies += [Reply(json.dumps(answer).encode() + _END) for answer in answers]
        self._rest = ""
        return replies


class Counts:
    """One connection to the count port."""

    def __init__(self, driver: SingleQuantumWebSq) -> None:
        self._driver = driver

    def opened(self, now_ns: int) -> list[Later]:
        """A line after each period."""
        before = self._driver.clicks(now_ns)

        def tell(then_ns: int) -> tuple[bytes, float]:
            nonlocal before
            now = self._driver.clicks(then_ns)
            line, before = f"{self._driver.unix_time_s(then_ns):.3f},{now - before}\n", now
            return line.encode("ascii"), self._driver.period_s

        return [Later(self._driver.period_s, tell)]

    def received(self, data: bytes, now_ns: int) -> list[Reply]:  # noqa: ARG002  (it listens to nobody)
        """Nothing is heard here."""
        return []


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value  # noqa: PLR0124  (nan)


def _build(world: World, device: str) -> tuple[Endpoint, ...]:
    driver = SingleQuantumWebSq(world, device)
    return (Endpoint("control", "tcp", lambda: Control(driver)), Endpoint("data", "tcp", lambda: Counts(driver)))


SPEC = TwinSpec(
    name="single-quantum-websq", roles=("detector",), title="Single Quantum WebSQ nanowire detectors", build=_build, late=True
)
