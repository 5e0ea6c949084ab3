"""Opens every device of a bench behind its driver, checks who each is, and reports all that cannot be used at once."""

from __future__ import annotations

from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from hil.bench.model import KmeDevice, RecordingDevice
from hil.bench.queries import envelope_of
from hil.discovery import find
from hil.errors import BenchError, DeviceUnreachableError, HilError, UsageError
from hil.ports.spec import DeviceSettings
from hil.testbed.interlock import Interlock
from hil.testbed.pins import check_identity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from hil.bench.model import Bench, Device
    from hil.clock import Clock
    from hil.ports.identity import Identity
    from hil.ports.roles import Instrument
    from hil.testbed.tapes import Tapes

__all__ = ["Address", "Opened", "addresses_of", "open_devices", "several", "shut"]


@dataclass(frozen=True)
class Address:
    """Where one device answers: the resource of its control port and, where it has one, of its data port."""

    resource: str
    data_resource: str = ""


@dataclass(frozen=True)
class Opened:
    """Drivers that are connected, by device, and what each device said it is."""

    devices: dict[str, Instrument]
    identities: dict[str, Identity]


def addresses_of(bench: Bench, recording: Path | None) -> dict[str, Address]:
    """The addresses the bench file gives; ``recording`` is the file of a recording, where the bench file names none.

    UsageError for a recording without a file, and for a file where there is no recording.
    """
    recordings = [name for name, device in bench.device.items() if isinstance(device, RecordingDevice)]
    if recording is not None and not recordings:
        raise UsageError(f"bench {bench.bench.name} has no recording, so {recording} cannot be one; leave the file out")
    found = {}
    for name, device in bench.device.items():
        if isinstance(device, RecordingDevice):
            file = str(recording) if recording is not None else device.file
            if not file:
                raise UsageError(
                    f"bench {bench.bench.name} is a recording without a file; give one with --hil-recording FILE"
                    f" (or file in [device.{name}])"
                )
            found[name] = Address(file)
        else:
            found[name] = Address(device.address, device.data_address)
    return found


def open_devices(
    bench: Bench,
    addresses: Mapping[str, Address],
    clock: Clock,
    tapes: Tapes | None = None,
    *,
    in_trouble: list[tuple[str, Exception]] | None = None,
) -> Opened:
    """Connect to every device but key management entities, which are reached over HTTPS when keys are.

    One device in trouble raises its own error; several raise one BenchError that lists them all. Nothing stays open then.
    ``tapes``: where what is said is recorded, or replayed from. ``in_trouble`` takes the troubles instead of an error: whoever
    makes a bench safe does what he can. Devices that answer as another than is pinned are among those opened then.
    """
    devices: dict[str, Instrument] = {}
    identities: dict[str, Identity] = {}
    troubles: list[tuple[str, Exception]] = []
    wanted = {name: declared for name, declared in bench.device.items() if not isinstance(declared, KmeDevice)}
    interlock = Interlock(bench, devices)
    with ExitStack() as stack:
        stack.callback(shut, devices)
        for name, declared in wanted.items():
            try:
                with tapes.of(name, declared) if tapes else nullcontext():
                    devices[name] = _build(name, declared, addresses[name], clock, partial(interlock.check, name))
                devices[name].open()
                identities[name] = devices[name].identity()
                if tapes:
                    tapes.identified(name, identities[name])
                check_identity(name, identities[name], declared.firmware, declared.serial)
            except (HilError, OSError) as error:
                label = f"{name} ({declared.driver} at {addresses[name].resource or 'no address'})"
                troubles.append((label, _named(name, error)))
                if name not in identities and name in devices:
                    shut({name: devices.pop(name)})
        if in_trouble is not None:
            in_trouble += troubles
        elif troubles:
            raise several(f"bench {bench.bench.name}: {len(troubles)} of {len(wanted)} devices cannot be used", troubles)
        stack.pop_all()
    return Opened(devices, identities)


def shut(devices: Mapping[str, Instrument]) -> list[tuple[str, Exception]]:
    """Let go of every port, whatever happens on the way; the troubles met."""
    troubles: list[tuple[str, Exception]] = []
    for name, device in devices.items():
        try:
            device.close()
        except (HilError, OSError) as error:
            troubles.append((name, error))
    return troubles


def several(title: str, troubles: Sequence[tuple[str, Exception]]) -> Exception:
    """One error for all troubles: the only one itself, or a BenchError that shows them as an indented tree."""
    if len(troubles) == 1:
        return troubles[0][1]
    lines = [title]
    for label, error in troubles:
        lines.append(f"  {label}")
        lines += [f"    {line}" for line in _chain(error)]
    if all(isinstance(error, UsageError) for _, error in troubles):
        return UsageError("\n".join(lines))
    return BenchError("\n".join(lines))


def _chain(error: BaseException | None) -> list[str]:
    """The error and what caused it, a level deeper each."""
    lines: list[str] = []
    while error is not None:
        indent = "  " * len(lines)
        lines.append(f"{indent}{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}".rstrip(": "))
        error = error.__cause__
    return lines


def _build(name: str, declared: Device, address: Address, clock: Clock, before_move: Callable[[str, float], None]) -> Any:
    settings = DeviceSettings(
        name=name,
        resource=address.resource,
        data_resource=address.data_resource,
        clock=clock,
        envelope=envelope_of(declared),
        declared=declared,
        before_move=before_move,
    )
    return find("driver", declared.driver).build(settings)


def _named(name: str, error: Exception) -> Exception:
    """An operating system's error as one of the named device."""
    if isinstance(error, HilError):
        return error
    unreachable = DeviceUnreachableError(name, f"{error}; check its address, power and cable")
    unreachable.__cause__ = error
    return unreachable
