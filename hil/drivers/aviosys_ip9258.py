"""Aviosys IP Power 9258 and 9850 power distribution units over HTTP with basic authentication: one of four outlets.

``/set.cmd?cmd=getpower`` and ``cmd=setpower&p61=0``, as in QMI's ``IPPower9850``. Switching is never repeated by itself.
"""

from __future__ import annotations

import base64
import http.client
import re
import threading
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hil.bench.model import PowerOutletDevice
from hil.errors import DeviceUnreachableError, InstrumentError, MissingCapabilityError, ReplyError, UsageError
from hil.ports.identity import Capabilities, Identity
from hil.ports.spec import DeviceSettings, DriverSpec
from hil.ports.time_of_day import TimeOfDay
from hil.transports import own_carrier

if TYPE_CHECKING:
    from hil.ports.roles import PowerOutlet

__all__ = ["SPEC", "AviosysIp9258"]

CAPABILITIES = Capabilities(settle_s=1.0)
_OUTLETS = 4
_STATES = re.compile(r"(p6[1-4])=([01])")
_MESSAGE = re.compile(r"<p>(.*?)</p>|<html>(.*?)</html>", re.DOTALL)
"""The 9850 says it in a paragraph, the 9258 in a page."""
_LONGEST = 65_536
_DEFAULT_PASSWORD = "12345678"  # noqa: S105  (the maker's default)


class AviosysIp9258:
    """One outlet. Parking leaves it as it is: a device without power cannot be held at its temperature."""

    def __init__(self, settings: DeviceSettings) -> None:
        self.name = settings.name
        self.capabilities = CAPABILITIES
        self._settings = settings
        declared = settings.declared if isinstance(settings.declared, PowerOutletDevice) else None
        self._outlet = 1 if declared is None else declared.outlet
        self._user = "admin" if declared is None else declared.user
        self._password_file = "" if declared is None else declared.password_file
        self._lock = threading.RLock()
        self._carry = own_carrier(settings.resource)
        self._open = False

    def open(self) -> None:
        """See that the unit answers and takes our password; UsageError for an outlet it does not have."""
        if not 1 <= self._outlet <= _OUTLETS:
            raise UsageError(f"{self.name}: outlet {self._outlet}; the unit has outlets 1 to {_OUTLETS}")
        self._open = True
        try:
            self.powered()
        except BaseException:
            self._open = False
            raise

    def close(self) -> None:
        """Nothing is held between requests."""
        self._open = False

    def identity(self) -> Identity:
        """Its network address stands for a serial number."""
        mac, version = self._ask("getmac"), self._ask("getversion")
        return Identity("Aviosys", "IP Power 9258", mac.partition("=")[2], version.partition("=")[2])

    def park(self) -> None:
        """Power stays as it is."""

    def powered(self) -> bool:
        """Whether the outlet is on."""
        return self._state(self._ask("getpower"))

    def set_powered(self, *, powered: bool) -> None:
        """Switch the outlet, and see that it did."""
        with self._lock:
            answered = self._state(self._ask(f"setpower&p6{self._outlet}={powered:d}"))
            self._settings.clock.sleep(self.capabilities.settle_s)
            if answered is not powered or self.powered() is not powered:
                raise InstrumentError(self.name, f"outlet {self._outlet} was switched {'on' if powered else 'off'} and stayed")

    def time_of_day(self) -> TimeOfDay:
        """The header ``Date`` of an answer; MissingCapabilityError where the unit sends none."""
        date = self._carry(b"Date of getpower", lambda: self._get("getpower")[1]).decode("ascii", errors="replace")
        try:
            return TimeOfDay(parsedate_to_datetime(date), 1.0)
        except ValueError:
            raise MissingCapabilityError(f"{self.name}: its answers bear no date, so it tells no time of day") from None

    def _state(self, message: str) -> bool:
        states: dict[str, str] = dict(_STATES.findall(message))
        if f"p6{self._outlet}" not in states:
            raise ReplyError(self.name, f"expected the states of its outlets, got {message[:60]!r}")
        return states[f"p6{self._outlet}"] == "1"

    def _ask(self, command: str) -> str:
        """One request on a connection of its own."""
        if not self._open:
            raise DeviceUnreachableError(self.name, f"{self._settings.resource} is not open; call open() first")
        answer = self._carry(command.encode(), lambda: self._get(command)[0])
        status, _, body = answer.partition(b"\n")
        if int(status) == http.client.UNAUTHORIZED:
            raise InstrumentError(self.name, "refuses our user and password; see user and password_file of the bench file")
        found = _MESSAGE.search(body.decode("utf-8", errors="replace"))
        if int(status) != http.client.OK or found is None:
            raise ReplyError(self.name, f"{command.partition('&')[0]}: HTTP status {int(status)} without the unit's message")
        return (found[1] or found[2] or "").strip()

    def _get(self, command: str) -> tuple[bytes, bytes]:
        """The status of the answer on a line, then its body; and its date."""
        address = urlsplit(self._settings.resource)
        if address.scheme != "http" or not address.hostname:
            raise UsageError(f"{self.name}: address {self._settings.resource!r}; expected http://HOST or http://HOST:PORT")
        connection = http.client.HTTPConnection(address.hostname, address.port or 80, timeout=self._settings.timeout_s)
        with self._lock:
            try:
                connection.request("GET", f"/set.cmd?cmd={command}", headers={"Authorization": self._authorization()})
                response = connection.getresponse()
                return b"%d\n%s" % (response.status, response.read(_LONGEST)), response.getheader("Date", "").encode()
            except OSError as error:
                raise DeviceUnreachableError(
                    self.name, f"{address.netloc} does not answer ({error}); check power and address"
                ) from error
            except (http.client.HTTPException, ValueError) as error:
                raise ReplyError(self.name, f"{address.netloc} answers, but not in HTTP ({type(error).__name__})") from error
            finally:
                connection.close()

    def _authorization(self) -> str:
        password = _DEFAULT_PASSWORD
        if self._password_file:
            password = Path(self._password_file).read_text(encoding="utf-8").strip()
        return "Basic " + base64.b64encode(f"{self._user}:{password}".encode()).decode("ascii")


def build(settings: DeviceSettings) -> PowerOutlet:
    """The driver for one outlet; nothing is opened yet."""
    return AviosysIp9258(settings)


SPEC = DriverSpec(
    name="aviosys-ip9258",
    role="power-outlet",
    title="Aviosys IP Power 9258 power distribution unit (HTTP)",
    build=build,
    capabilities=CAPABILITIES,
    protocol="HTTP with basic authentication",
)
