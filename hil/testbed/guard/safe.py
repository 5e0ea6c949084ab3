"""The safe state of a bench: light blocked, bias off, temperatures held."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar

from hil.bench.model import (
    AttenuatorDevice,
    DetectorDevice,
    LaserDevice,
    PairSourceDevice,
    PowerMeterDevice,
    ReceiverDevice,
    SwitchDevice,
    TemperatureControllerDevice,
    TransmitterDevice,
)
from hil.errors import DeviceError, HilError, IdentityError
from hil.testbed.opening import several

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from hil.bench.model import Bench
    from hil.ports.identity import Identity
    from hil.ports.roles import Instrument

__all__ = ["DEVICE_TIMEOUT_S", "FIRST", "ORDER", "first", "in_order", "missing", "park", "park_all"]

ORDER = (
    TransmitterDevice,
    PairSourceDevice,
    LaserDevice,
    SwitchDevice,
    AttenuatorDevice,
    ReceiverDevice,
    DetectorDevice,
    TemperatureControllerDevice,
    PowerMeterDevice,
)
"""Light goes first, then what could let stray light in, then the bias; stages are held as they are."""

D = TypeVar("D")

DEVICE_TIMEOUT_S = 10.0
"""A motor may have to cross its whole range."""


def park(bench: Bench, devices: Mapping[str, Instrument], *, boxed: bool, device_timeout_s: float = DEVICE_TIMEOUT_S) -> None:
    """Park every device in order; doing it again changes nothing.

    A device in trouble does not keep the next from being parked; all troubles are raised together at the end. ``boxed``: give
    up on a device after ``device_timeout_s`` seconds of real time (not for devices that a virtual clock waits for).
    """
    if troubles := park_all(bench, devices, boxed=boxed, device_timeout_s=device_timeout_s):
        raise several(f"bench {bench.bench.name}: {len(troubles)} devices could not be parked; see to them by hand", troubles)


def park_all(
    bench: Bench, devices: Mapping[str, Instrument], *, boxed: bool, device_timeout_s: float = DEVICE_TIMEOUT_S
) -> list[tuple[str, Exception]]:
    """As :func:`park`, giving the troubles by device."""
    troubles: list[tuple[str, Exception]] = []
    for name in in_order(bench, devices):
        try:
            if boxed:
                _boxed(name, "was not parked", devices[name].park, device_timeout_s)
            else:
                devices[name].park()
        except (HilError, OSError) as error:
            troubles.append((name, error))
    return troubles


def missing(
    devices: Mapping[str, Instrument],
    identities: Mapping[str, Identity],
    *,
    boxed: bool,
    device_timeout_s: float = DEVICE_TIMEOUT_S,
) -> list[tuple[str, Exception]]:
    """Troubles by device, of those that do not say any more who they were: a device that nothing was asked of may have gone."""
    troubles: list[tuple[str, Exception]] = []
    for name, device in devices.items():
        says: list[Identity] = []

        def ask(device: Instrument = device, says: list[Identity] = says) -> None:
            says.append(device.identity())

        try:
            if boxed:
                _boxed(name, "did not say who it is", ask, device_timeout_s)
            else:
                ask()
        except (HilError, OSError) as error:
            troubles.append((name, error))
            continue
        if says[0] != identities[name]:
            troubles.append(
                (name, IdentityError(name, f"is {says[0]} now, and was {identities[name]} when the bench was opened"))
            )
    return troubles


FIRST = (TransmitterDevice, PairSourceDevice, LaserDevice, ReceiverDevice, DetectorDevice)
"""What makes light, and what light or bias could harm: without it nothing more can happen."""


def first(bench: Bench, devices: Mapping[str, D]) -> dict[str, D]:
    """Those of the devices that have to be parked before all others."""
    return {name: device for name, device in devices.items() if isinstance(bench.device[name], FIRST)}


def in_order(bench: Bench, devices: Iterable[str]) -> list[str]:
    """The names in the order of parking."""
    devices = list(devices)
    by_role = [name for role in ORDER for name in devices if isinstance(bench.device[name], role)]
    return [*by_role, *(name for name in devices if name not in by_role)]


def _boxed(name: str, otherwise: str, do: Callable[[], None], timeout_s: float) -> None:
    """Park, or ask, in a thread of its own, so that a driver that hangs does not keep the others from being parked."""
    raised: list[BaseException] = []

    def work() -> None:
        try:
            do()
        except BaseException as error:  # noqa: BLE001  (raised again below, in the thread that waits)
            raised.append(error)

    thread = threading.Thread(target=work, name=f"hil-park-{name}", daemon=True)
    thread.start()
    thread.join(timeout_s)
    if thread.is_alive():
        raise DeviceError(name, f"{otherwise} within {timeout_s:g} s; it may be in any state: see to it by hand")
    if raised:
        raise raised[0]
