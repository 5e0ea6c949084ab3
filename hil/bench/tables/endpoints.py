"""``[device.X]`` of key stores and recordings."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, field

from hil.bench.tables.device import DeviceTable
from hil.bench.tables.quantities import SomeSeconds

__all__ = ["KmeDevice", "RecordingDevice"]


class KmeDevice(DeviceTable, frozen=True, kw_only=True, tag_field="role", tag="kme"):
    """Key management entity of one site (ETSI GS QKD 014)."""

    kme_id: str
    sae_id: str
    key_size: Annotated[int, Meta(ge=64, multiple_of=8)] = 256
    """Size of its keys, in bits."""
    max_keys: Annotated[int, Meta(gt=0)] = 100_000
    ca_file: str = ""
    """A real one only: PEM file of the authority that signed its certificate."""
    certificate_file: str = ""
    """A real one only: PEM file of this SAE's certificate, with which the test host authenticates itself."""
    private_key_file: str = ""


class RecordingDevice(DeviceTable, frozen=True, kw_only=True, tag_field="role", tag="recording"):
    """Recorded time tags of both parties, from one file or two."""

    tick_s: SomeSeconds = field(name="tick", default=0.0)
    """Length of a tick, 0 where it is not declared; a format that says it itself, or has but one, needs none."""
    file: str = ""
    file_b: str = ""
    """Bob's events, where they are in a file of their own."""
    format: str = ""
    """Name of the file's format; without it the first bytes tell."""
    channels: tuple[str, ...] = ()
    """Which channel is whose, ``CHANNEL=PARTY:SETTING:BIT``; default 0 to 3 Alice's and 4 to 7 Bob's."""
    window_ticks: Annotated[int, Meta(ge=0)] = 4
    """Half width of the coincidence window, in ticks."""
