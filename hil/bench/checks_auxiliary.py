"""What the devices beside a path refer to: sources, detectors, devices that are fed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.bench import model
from hil.bench.wording import nearest
from hil.errors import Mistake

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hil.bench.walk import Walked

__all__ = ["AUXILIARY", "check_auxiliary"]

AUXILIARY = (
    model.TemperatureControllerDevice,
    model.LaserDevice,
    model.DetectorDevice,
    model.TimeTaggerDevice,
    model.PowerOutletDevice,
)
"""Devices that belong to a link without standing in its path."""

_SOURCES = (model.TransmitterDevice, model.PairSourceDevice)


def check_auxiliary(device: Walked, where: str, bench: Walked, own: str) -> Iterator[Mistake]:
    """Every mistake of one device towards the others of its bench."""
    devices = bench.tables("device")
    if device.cls is model.LaserDevice:
        yield from _check_laser(device, where, devices, own)
    elif device.cls is model.DetectorDevice:
        of, channel = device.get("of"), device.get("channel")
        detectors = _detectors(devices)
        if of is not None and channel is not None and f"{of}.{channel}" not in detectors:
            yield Mistake(f"{where}.channel", repr(f"{of}.{channel}"), _nearest(f"{of}.{channel}", detectors))
        yield from _alone(device, where, devices, own, ("of", "channel"))
    elif device.cls is model.TimeTaggerDevice:
        detectors = _detectors(devices)
        for number, name in enumerate(device.get("inputs") or ()):
            if name not in detectors:
                yield Mistake(f"{where}.inputs[{number}]", repr(name), _nearest(name, detectors))
    elif device.cls is model.PowerOutletDevice:
        for number, name in enumerate(device.get("feeds") or ()):
            fed = devices.get(name)
            if fed is None or name == own or fed.cls in {model.KmeDevice, model.RecordingDevice, model.PowerOutletDevice}:
                others = [each for each in devices if each != own]
                yield Mistake(f"{where}.feeds[{number}]", repr(name), nearest(name, others))


def _check_laser(device: Walked, where: str, devices: dict[str, Walked], own: str) -> Iterator[Mistake]:
    drives = device.get("drives")
    sources = [name for name, other in devices.items() if other.cls in _SOURCES]
    if drives is not None and drives not in sources:
        yield Mistake(f"{where}.drives", repr(drives), nearest(drives, sources) if sources else "a transmitter or pair source")
    current, threshold, limit = (device.get(key) for key in ("current_a", "threshold_a", "limit_a"))
    if isinstance(current, float) and isinstance(threshold, float) and threshold >= current:
        yield Mistake(f"{where}.threshold", f"{threshold:g} A", f"a current below the operating one, {current:g} A")
    if isinstance(current, float) and isinstance(limit, float) and limit < current:
        yield Mistake(f"{where}.limit", f"{limit:g} A", f"at least the operating current, {current:g} A")
    yield from _alone(device, where, devices, own, ("drives",))


def _alone(device: Walked, where: str, devices: dict[str, Walked], own: str, keys: tuple[str, ...]) -> Iterator[Mistake]:
    """No earlier device of the same role has the same charge."""
    mine = [device.get(key) for key in keys]
    for name, other in devices.items():
        if name == own:
            return
        if other.cls is device.cls and [other.get(key) for key in keys] == mine and None not in mine:
            yield Mistake(f"{where}.{keys[-1]}", ".".join(map(str, mine)), f"another than that of device.{name}")


def _detectors(devices: dict[str, Walked]) -> list[str]:
    receivers = {name: table for name, table in devices.items() if table.cls is model.ReceiverDevice}
    return [f"{name}.{detector}" for name, table in receivers.items() for detector in table.get("detectors") or ()]


def _nearest(name: str, detectors: list[str]) -> str:
    return nearest(name, detectors) if detectors else "a detector of a receiver, as receiver.detector"
