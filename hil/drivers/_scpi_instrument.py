"""What drivers of SCPI instruments share: the line, its error queue, and settings that are moved and read back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hil.drivers._lines import ask, check_errors, drain_errors, over_lines, scpi_identity, tell
from hil.drivers._setting import check_envelope, move, narrowed, number
from hil.errors import ReplyError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil.ports.identity import Capabilities, Identity
    from hil.ports.spec import DeviceSettings
    from hil.transports import SerialLine, Transport

__all__ = ["ScpiInstrument"]


class ScpiInstrument:
    """Base of such a driver: life cycle, identity, and its capabilities cut to the envelope of the bench file."""

    def __init__(
        self,
        settings: DeviceSettings,
        capabilities: Capabilities,
        transport: Transport | None,
        line: SerialLine | None = None,
    ) -> None:
        self.name = settings.name
        ranges = {name: narrowed(hardware, settings.envelope, name) for name, hardware in capabilities.ranges.items()}
        self.capabilities = replace(capabilities, ranges=ranges)
        self._settings = settings
        self._transport = transport or over_lines(settings, line)

    def open(self) -> None:
        """Connect, and report errors from before we came."""
        self._transport.open()
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the port."""
        self._transport.close()

    def identity(self) -> Identity:
        """``*IDN?``."""
        return scpi_identity(self._transport)

    def _prepare(self) -> None:
        """What has to be done at every opening."""
        drain_errors(self._transport)

    def _carry_out(self, command: str) -> None:
        """Say it; InstrumentError with the device's own words when it refuses."""
        tell(self._transport, command)
        check_errors(self._transport, command)

    def _number(self, query: str) -> float:
        return number(self.name, query, ask(self._transport, query, idempotent=True))

    def _switched(self, query: str) -> bool:
        reply = ask(self._transport, query, idempotent=True).upper()
        if reply not in {"0", "1", "ON", "OFF"}:
            raise ReplyError(self.name, f"{query}: expected 0 or 1, got {reply[:60]!r}")
        return reply in {"1", "ON"}

    def _move(
        self, setting: str, value: float, command: str, read: Callable[[], float], *, tolerance: float, settle_s: float = 0.0
    ) -> None:
        """Check the envelope, say it, wait, read back."""
        check_envelope(self._settings, self.capabilities, setting, value)
        with self._transport.lock:
            move(
                self._settings,
                setting=setting,
                value=value,
                write=lambda: self._carry_out(command),
                read=read,
                settle_s=settle_s,
                tolerance=tolerance,
            )
