"""Single Quantum WebSQ drivers of superconducting nanowire detectors: their first detector.

Control on one TCP port (12000): JSON objects one after the other, every answer ended by a byte 0x17. Counts on another (12345):
a line ``time,c1,c2,...`` in every measurement period. As in the maker's QCoDeS driver.
"""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from hil.drivers._lines import decoded
from hil.errors import InstrumentError, MissingCapabilityError, ReplyError, UsageError
from hil.ports.identity import Capabilities, Identity
from hil.ports.spec import DeviceSettings, DriverSpec
from hil.ports.time_of_day import TimeOfDay
from hil.transports import Transport, Until, over_raw

if TYPE_CHECKING:
    from hil.ports.roles import SinglePhotonDetector

__all__ = ["SPEC", "SingleQuantumWebSq"]

CAPABILITIES = Capabilities(features=frozenset({"counts"}), settle_s=0.5)
_ANSWER = Until(b"\x17")
_LINE = Until(b"\n")
_SHORTEST_GATE_S, _LONGEST_GATE_S = 0.01, 100.0
_MOST_ANSWERS = 64
_NO_DATE_S = 1e9
"""Before September 2001."""
_NO_DATE_YET_S = 1e11
"""After the year 5000."""
_PERIODS = 2
"""The first line of a connection may have begun before it."""


class SingleQuantumWebSq:
    """Control unit and counter of the first detector; its bias current is the one that the instrument keeps."""

    def __init__(self, settings: DeviceSettings, control: Transport | None = None, counts: Transport | None = None) -> None:
        self.name = settings.name
        self.capabilities = CAPABILITIES
        self._settings = settings
        self._control = control or over_raw(settings.name, settings.resource, timeout_s=settings.timeout_s)
        self._counts = counts or over_raw(settings.name, settings.data_resource, timeout_s=settings.timeout_s)

    def open(self) -> None:
        """Connect to the control port, and see that there is a detector."""
        self._control.open()
        try:
            self._require_a_detector()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of both ports."""
        self._control.close()
        self._counts.close()

    def identity(self) -> Identity:
        """What its labels tell; not every version tells them."""
        labels = self._labels()
        return Identity("Single Quantum", "WebSQ", str(labels.get("SerialNumber", "")), str(labels.get("SoftwareVersion", "")))

    def park(self) -> None:
        """Bias off."""
        self.set_biased(biased=False)

    def counts(self, gate_s: float) -> int:
        """Clicks of one whole measurement period of this length, 10 ms to 100 s; it begins up to a period later."""
        if not _SHORTEST_GATE_S <= gate_s <= _LONGEST_GATE_S:
            raise UsageError(f"{self.name}: a gate of {gate_s:g} s; the device counts for 0.01 to 100 s")
        with self._control.lock:
            self._command("SetMeasurementPeriod", "InptMeasurementPeriod", gate_s * 1e3)
            return self._next_line(gate_s, _PERIODS)[1]

    def time_of_day(self) -> TimeOfDay:
        """The time that the next line of counts bears; MissingCapabilityError where that is no date."""
        with self._control.lock:
            unix_s, _ = self._next_line(self._period_s(), 1)
        if not _NO_DATE_S <= unix_s < _NO_DATE_YET_S:
            raise MissingCapabilityError(f"{self.name}: its lines of counts bear {unix_s:g} s, which is no date")
        return TimeOfDay(datetime.fromtimestamp(unix_s, UTC), 1e-3)

    def biased(self) -> bool:
        """Whether its detectors are enabled."""
        return bool(self._label("DetectorEnable"))

    def set_biased(self, *, biased: bool) -> None:
        """Enable or disable the detectors, and see that it did."""
        with self._control.lock:
            self._command("DetectorEnable", "DetectorEnable", biased)
            self._settings.clock.sleep(self.capabilities.settle_s)
            if self.biased() is not biased:
                raise InstrumentError(self.name, f"its detectors were {'en' if biased else 'dis'}abled but it tells otherwise")

    def _next_line(self, period_s: float, number: int) -> tuple[float, int]:
        """Time and clicks of so many lines on; a line comes in each period."""
        self._counts.open()
        try:
            with self._counts.exchange() as line:
                self._settings.clock.sleep(number * period_s)
                lines = [decoded(self.name, _LINE.read(line, period_s + self._settings.timeout_s)) for _ in range(number)]
        finally:
            self._counts.close()
        fields = lines[-1].split(",")
        with suppress(IndexError, ValueError):
            time_s, counts = float(fields[0]), fields[1].strip()
            if counts.isdecimal():
                return time_s, int(counts)
        raise ReplyError(self.name, f"expected time and counts, got {lines[-1][:60]!r}")

    def _period_s(self) -> float:
        told = self._label("InptMeasurementPeriod")
        with suppress(TypeError, ValueError):
            if 0.0 < (period_s := float(told) / 1e3) <= _LONGEST_GATE_S:
                return period_s
        raise ReplyError(self.name, f"expected a measurement period in ms, got {str(told)[:60]!r}")

    def _require_a_detector(self) -> None:
        if not int(self._label("NumberOfDetectors")):
            raise InstrumentError(self.name, "tells that it has no detector")

    def _command(self, command: str, label: str, value: Any) -> None:
        """Say it and wait for the label's new value; InstrumentError with the device's words for a refusal."""
        request = json.dumps({"command": command, "label": label, "value": value})
        with self._control.exchange() as line:
            line.send(request.encode())
            for _ in range(_MOST_ANSWERS):
                answer = self._parsed(_ANSWER.read(line, None))
                if "Error" in str(answer.get("label")):
                    raise InstrumentError(self.name, f"refused {command}: {str(answer.get('value'))[:100]}")
                if answer.get("label") == label:
                    return
        raise ReplyError(self.name, f"{command}: none of {_MOST_ANSWERS} answers was about {label}")

    def _label(self, label: str) -> Any:
        labels = self._labels()
        if label not in labels:
            raise ReplyError(self.name, f"tells no {label}")
        return labels[label]

    def _labels(self) -> dict[str, Any]:
        """Every label's value. The answers come one after the other; the last label of ours, asked for again, ends them."""
        last = json.dumps({"request": "NumberOfDetectors"})
        labels: dict[str, Any] = {}
        with self._control.exchange() as line:
            line.send(json.dumps({"request": "labelProps", "value": "None"}).encode() + last.encode())
            for _ in range(_MOST_ANSWERS):
                answer = self._parsed(_ANSWER.read(line, None))
                label, value = str(answer.get("label")), answer.get("value")
                if label == "NumberOfDetectors" and label in labels:
                    return labels
                labels[label] = value["value"] if isinstance(value, dict) and "value" in value else value
        raise ReplyError(self.name, f"more than {_MOST_ANSWERS} labels; expected NumberOfDetectors among the last")

    def _parsed(self, reply: bytes) -> dict[str, Any]:
        try:
            answer = json.loads(reply)
        except ValueError as error:
            raise ReplyError(self.name, f"an answer of {len(reply)} bytes is no JSON: {error}") from None
        if not isinstance(answer, dict):
            raise ReplyError(self.name, "an answer is JSON, but no object")
        return answer


def build(settings: DeviceSettings) -> SinglePhotonDetector:
    """The driver for one detector; nothing is opened yet."""
    return SingleQuantumWebSq(settings)


SPEC = DriverSpec(
    name="single-quantum-websq",
    role="detector",
    title="Single Quantum WebSQ nanowire detectors",
    build=build,
    capabilities=CAPABILITIES,
    protocol="JSON over TCP port 12000, pushed counts from port 12345",
)
