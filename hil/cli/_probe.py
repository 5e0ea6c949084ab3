"""Opens the devices of a bench one by one, and says of each whether it answers, who it is and how fast."""

from __future__ import annotations

import logging
import os
import re
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from statistics import median
from typing import TYPE_CHECKING, Any

from hil.bench import envelope_of, simulated_devices
from hil.bench.model import KmeDevice
from hil.cli._device_clocks import ClockOffset, HostTime, offset_of
from hil.clock import SystemClock, VirtualClock
from hil.discovery import find
from hil.errors import HilError
from hil.ports.spec import DeviceSettings, KeyStoreSettings
from hil.testbed.guard.protection import lease_devices
from hil.testbed.opening import Address, addresses_of
from hil.testbed.pins import check_identity
from hil.testbed.twin import start_twins, twin_addresses

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hil.bench.model import Bench, Device
    from hil.clock import Clock
    from hil.ports.identity import Identity

__all__ = ["Probe", "probe_bench"]

_QUESTIONS = 5


@dataclass(frozen=True)
class Probe:
    """What one device answered; ``latency_ms`` is the median time of a question for its identity, ``trouble`` empty if none.

    ``errors``: what its error queue held when it was opened. ``clock_skew_ppm``: how much faster its clock runs than ours,
    over a second, to ``clock_skew_uncertainty_ppm``, half of how long the two answers took. ``calibration``: each with its
    due date.
    ``clock_offset_s``: by how much its date and time are ahead of ours, to ``clock_uncertainty_s``; None where it tells none.
    ``permissions``: what the system forbids us.
    """

    device: str
    role: str
    driver: str
    address: str
    simulated: bool
    reachable: bool
    identity: str = ""
    firmware: str = ""
    required: str = ""
    latency_ms: float | None = None
    errors: tuple[str, ...] = ()
    clock_skew_ppm: float | None = None
    clock_skew_uncertainty_ppm: float | None = None
    clock_offset_s: float | None = None
    clock_uncertainty_s: float | None = None
    clock_wrong: bool = False
    calibration: str = ""
    permissions: str = ""
    trouble: str = ""


def probe_bench(bench: Bench, *, simulate: bool, recording: Path | None) -> Iterator[Probe]:
    """Each device in the order of the bench file; twins are started for the question. BenchError for devices in use."""
    simulated = simulated_devices(bench, simulate=simulate)
    clock = VirtualClock() if set(bench.device) == simulated else SystemClock()
    host = HostTime(clock)
    addresses = addresses_of(bench, recording)
    with ExitStack() as stack:
        lease_devices(bench, simulated, stack)  # a question in the middle of somebody's run would break it
        twins = start_twins(bench, simulated, 0, clock, epoch=host.epoch)
        if twins is not None:
            stack.callback(twins.close)
        addresses |= twin_addresses(twins)
        for name, declared in bench.device.items():
            address = addresses[name]
            about: dict[str, Any] = {
                "device": name,
                "role": str(declared.__struct_config__.tag),
                "driver": declared.driver,
                "address": address.resource,
                "simulated": name in simulated,
                "required": declared.firmware,
                "calibration": _calibration(declared, date.today()),  # noqa: DTZ011  (certificates bear local dates)
                "permissions": _permissions(address.resource),
            }
            if isinstance(declared, KmeDevice):
                yield _kme(about, bench, declared)
            else:
                yield _instrument(about, declared, address, clock, host)


def _instrument(about: dict[str, Any], declared: Device, address: Address, clock: Clock, host: HostTime) -> Probe:
    name = about["device"]
    settings = DeviceSettings(
        name=name,
        resource=address.resource,
        data_resource=address.data_resource,
        clock=clock,
        envelope=envelope_of(declared),
        declared=declared,
    )
    device: Any = None
    try:
        device = find("driver", declared.driver).build(settings)
        with _heard("hil.drivers") as told:
            device.open()
        identity: Identity = device.identity()
        times_ms = []
        for _ in range(_QUESTIONS):
            started_s = time.perf_counter()
            device.identity()
            times_ms.append(1e3 * (time.perf_counter() - started_s))
        found: dict[str, Any] = {"identity": str(identity), "firmware": identity.firmware}
        found["latency_ms"] = round(median(times_ms), 3)
        found["errors"] = tuple(told)
        found |= _clock_skew(device, clock)
        found |= _clock(offset_of(device, host))
        try:
            check_identity(name, identity, declared.firmware, declared.serial)
        except HilError as error:
            return Probe(**about, **found, reachable=True, trouble=str(error))
        return Probe(**about, **found, reachable=True)
    except (HilError, OSError) as error:
        return Probe(**about, reachable=False, trouble=str(error))
    finally:
        with suppress(HilError, OSError, AttributeError):
            device.close()


@contextmanager
def _heard(logger: str) -> Iterator[list[str]]:
    """Warnings that are logged meanwhile: drivers tell so what they found in an error queue."""
    told: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.append(record.getMessage())

    ear = Ear(logging.WARNING)
    logging.getLogger(logger).addHandler(ear)
    try:
        yield told
    finally:
        logging.getLogger(logger).removeHandler(ear)


def _clock_skew(device: Any, clock: Clock) -> dict[str, float]:
    if not hasattr(device, "device_time_ns"):
        return {}
    asked_ns, first_ns, told_ns = clock.now_ns(), device.device_time_ns(), clock.now_ns()
    clock.sleep(1.0)
    asked_again_ns, last_ns, told_again_ns = clock.now_ns(), device.device_time_ns(), clock.now_ns()
    # each answer is of some moment between question and reply
    between_ns = (asked_again_ns + told_again_ns - asked_ns - told_ns) / 2.0
    slack_ns = (told_ns - asked_ns + told_again_ns - asked_again_ns) / 2.0
    return {
        "clock_skew_ppm": round(1e6 * ((last_ns - first_ns) / between_ns - 1.0), 3),
        "clock_skew_uncertainty_ppm": round(1e6 * slack_ns / between_ns, 3),
    }


def _clock(found: ClockOffset | None) -> dict[str, Any]:
    if found is None:
        return {}
    return {
        "clock_offset_s": round(found.offset_s, 3),
        "clock_uncertainty_s": round(found.uncertainty_s, 3),
        "clock_wrong": found.wrong,
    }


def _calibration(declared: Device, today: date) -> str:
    return "; ".join(
        f"{what} of {entry.on}, {'due' if entry.due >= today else 'EXPIRED'} {entry.due}"
        for what, entry in declared.calibration.items()
    )


def _permissions(resource: str) -> str:
    """What keeps us from a serial line that is there, and what helps."""
    found = re.fullmatch(r"ASRL(/.+?)(::INSTR)?", resource)
    if found is None or not os.path.exists(found[1]) or os.access(found[1], os.R_OK | os.W_OK):  # noqa: PTH110
        return ""
    return (
        f"no right to read and write {found[1]}: join the group that owns it (dialout, uucp), or give it a udev rule such as"
        ' SUBSYSTEM=="tty", ATTRS{idVendor}=="0403", MODE="0660", TAG+="uaccess"'
    )


def _kme(about: dict[str, Any], bench: Bench, declared: KmeDevice) -> Probe:
    if about["simulated"]:
        return Probe(**about, reachable=True, identity=f"{declared.kme_id}, started for each test that fetches keys")
    name = about["device"]
    peers = [
        device.sae_id
        for link in bench.link.values()
        if name in link.kmes.values()
        for device in map(bench.device.__getitem__, link.kmes.values())
        if isinstance(device, KmeDevice) and device is not declared
    ]
    settings = KeyStoreSettings(
        name=name,
        address=declared.address,
        kme_id=declared.kme_id,
        sae_id=declared.sae_id,
        ca_file=declared.ca_file,
        certificate_file=declared.certificate_file,
        private_key_file=declared.private_key_file,
    )
    client: Any = None
    try:
        client = find("keystore", declared.driver).build(settings)
        for _ in range(2):  # the first also makes the connection
            started_s = time.perf_counter()
            status = client.status(peers[0] if peers else declared.sae_id)
            took_s = time.perf_counter() - started_s
        offset = None
        if client.clock_offset_s is not None:  # whole seconds, taken when the answer was there
            offset = ClockOffset(client.clock_offset_s + took_s / 2 + 0.5, took_s / 2 + 0.5)
        who = f"{declared.kme_id}, {status.stored_key_count} of {status.max_key_count} keys of {status.key_size_bits} bits"
        return Probe(**about, reachable=True, identity=who, latency_ms=round(1e3 * took_s, 3), **_clock(offset))
    except (HilError, OSError) as error:
        return Probe(**about, reachable=False, trouble=str(error))
    finally:
        with suppress(HilError, OSError, AttributeError):
            client.close()
