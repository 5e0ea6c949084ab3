"""Opens the devices of a bench one by one, and says of each whether it answers, who it is and how fast."""

from __future__ import annotations

import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from hil.bench import envelope_of, simulated_devices
from hil.bench.model import KmeDevice
from hil.clock import SystemClock, VirtualClock
from hil.discovery import find
from hil.drivers import check_identity
from hil.errors import HilError
from hil.ports.spec import DeviceSettings, KeyStoreSettings
from hil.testbed.opening import Address, addresses_of
from hil.testbed.protection import lease_devices
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
    """What one device answered; ``latency_ms`` is the median time of a question for its identity, ``trouble`` empty if none."""

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
    trouble: str = ""


def probe_bench(bench: Bench, *, simulate: bool, recording: Path | None) -> Iterator[Probe]:
    """Each device in the order of the bench file; twins are started for the question. BenchError for devices in use."""
    simulated = simulated_devices(bench, simulate=simulate)
    clock = VirtualClock() if set(bench.device) == simulated else SystemClock()
    addresses = addresses_of(bench, recording)
    with ExitStack() as stack:
        lease_devices(bench, simulated, stack)  # a question in the middle of somebody's run would break it
        twins = start_twins(bench, simulated, 0, clock)
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
            }
            if isinstance(declared, KmeDevice):
                yield _kme(about, bench, declared)
            else:
                yield _instrument(about, declared, address, clock)


def _instrument(about: dict[str, Any], declared: Device, address: Address, clock: Clock) -> Probe:
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
        device.open()
        identity: Identity = device.identity()
        times_ms = []
        for _ in range(_QUESTIONS):
            started_s = time.perf_counter()
            device.identity()
            times_ms.append(1e3 * (time.perf_counter() - started_s))
        found: dict[str, Any] = {"identity": str(identity), "firmware": identity.firmware}
        found["latency_ms"] = round(median(times_ms), 3)
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
        started_s = time.perf_counter()
        status = client.status(peers[0] if peers else declared.sae_id)
        took_ms = round(1e3 * (time.perf_counter() - started_s), 3)
        return Probe(**about, reachable=True, identity=f"{declared.kme_id}: {status}", latency_ms=took_ms)
    except (HilError, OSError) as error:
        return Probe(**about, reachable=False, trouble=str(error))
    finally:
        with suppress(HilError, OSError, AttributeError):
            client.close()
