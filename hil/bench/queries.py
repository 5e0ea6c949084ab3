"""Questions a loaded bench answers: what is simulated, what may move how far, which limit holds."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

import msgspec

from hil.bench.loader import load
from hil.bench.model import Bench, RecordingDevice

if TYPE_CHECKING:
    from pathlib import Path

    from hil.bench.model import Device, SloLimit
    from hil.bench.tables.device import DeviceTable

__all__ = ["actual_of", "bench_hash", "envelope_of", "simulated_devices", "slo_limit", "true_device"]

D = TypeVar("D", bound="DeviceTable")


def simulated_devices(bench: Bench, *, simulate: bool = False) -> frozenset[str]:
    """Names of the devices that are replaced by their twins.

    All of them under ``--hil-simulate`` (``simulate``) or on a bench that says ``simulated = true``; those without an address
    on one that says ``mixed = true``; else none. A recording is never simulated: its photons were real.
    """
    candidates = {name: device for name, device in bench.device.items() if not isinstance(device, RecordingDevice)}
    if simulate or bench.bench.simulated:
        return frozenset(candidates)
    return frozenset(name for name, device in candidates.items() if bench.bench.mixed and not device.address)


def envelope_of(device: Device) -> dict[str, tuple[float, float]]:
    """The intervals a device may be moved in, by attribute with its unit (``attenuation_db``)."""
    return dict(cast("dict[str, tuple[float, float]]", device.envelope))


class _Twinned(Protocol):
    @property
    def actual(self) -> dict[str, float | str | tuple[float, ...]]: ...


def actual_of(table: _Twinned) -> dict[str, float]:
    """What a twin is really like where it differs from its declaration, by attribute with its unit; single numbers only."""
    return {name: value for name, value in cast("dict[str, Any]", table.actual).items() if not isinstance(value, tuple)}


def true_device(device: D) -> D:
    """The device as it really is: its table with what is ``actual`` put in place."""
    return msgspec.structs.replace(device, **device.actual)


def slo_limit(bench: Bench, indicator: str) -> SloLimit | None:
    """The bench's own limit for an indicator (``key-rate`` and ``key_rate`` are the same); its values are plain numbers."""
    wanted = indicator.replace("_", "-")
    return next((limit for name, limit in bench.slo.items() if name.replace("_", "-") == wanted), None)


def bench_hash(bench: Bench | str | Path) -> str:
    """SHA-256 of what a bench says; comments, order and the spelling of units do not change it."""
    loaded = bench if isinstance(bench, Bench) else load(bench, simulate=True)
    return hashlib.sha256(msgspec.json.encode(loaded, order="sorted")).hexdigest()
