"""What a VISA library is told of each kind of resource: serial attributes are a serial line's alone.

pyvisa-py answers an attribute that a session does not have with an error (its ``Session.set_attribute``), as NI-VISA does; the
library here is a stand-in that does so, since no USB or GPIB instrument is at hand.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import pytest
from pyvisa.constants import ResourceAttribute, StatusCode
from pyvisa.errors import VisaIOError

from hil.transports import Marker, SerialLine, Transport, Until, _manager
from hil.transports.visa import VisaPort

if TYPE_CHECKING:
    from collections.abc import Iterator

LINE = Until(b"\n")
OF_LINES = {ResourceAttribute.asrl_end_in, ResourceAttribute.asrl_end_out}


class Instrument:
    """A session and its library in one: answers every message by ``me``."""

    session = 1

    def __init__(self, resource: str) -> None:
        self.serial = resource.startswith("ASRL")
        self.told: list[object] = []
        self.visalib = self
        self.timeout = 0
        self._unread = b""

    def __setattr__(self, name: str, value: object) -> None:
        if name in {"baud_rate", "data_bits", "parity", "stop_bits"}:
            self._require_line(name)
        super().__setattr__(name, value)

    def ignore_warning(self, *_: object) -> Any:
        return nullcontext()

    def set_visa_attribute(self, attribute: ResourceAttribute, _value: object) -> None:
        if attribute in OF_LINES:
            self._require_line(attribute)

    def write(self, _session: int, _data: bytes) -> None:
        self._unread += b"me\n"

    def read(self, _session: int, count: int) -> tuple[bytes, StatusCode]:
        if not self._unread:
            raise VisaIOError(StatusCode.error_timeout.value)
        data, self._unread = self._unread[:count], self._unread[count:]
        return data, StatusCode.success

    def close(self) -> None:
        """Nothing is held."""

    def _require_line(self, what: object) -> None:
        self.told.append(what)
        if not self.serial:
            raise VisaIOError(StatusCode.error_nonsupported_attribute.value)


@pytest.mark.parametrize(
    "resource", ["USB0::0x1313::0x8078::P1::INSTR", "GPIB0::8::INSTR", "TCPIP::vxi.lab::INSTR", "ASRL8::INSTR"]
)
def test_a_query_over_every_kind_of_resource(monkeypatch: pytest.MonkeyPatch, resource: str) -> None:
    """Opened, brought in step and asked; how a line is set is told to lines only."""
    instrument = Instrument(resource)

    @contextmanager
    def shared(_library: str) -> Iterator[Any]:
        yield type("Manager", (), {"open_resource": lambda *_, **__: instrument})()

    monkeypatch.setattr(_manager, "shared", shared)
    port = VisaPort("dut", resource, line=SerialLine(38_400))
    transport = Transport(port, timeout_s=0.2, markers=(Marker(b"ID?\n", LINE, lambda reply: reply == b"me"),))
    transport.open()
    try:
        assert transport.query(b"ID?\n", LINE) == b"me"
    finally:
        transport.close()
    assert bool(instrument.told) is instrument.serial
