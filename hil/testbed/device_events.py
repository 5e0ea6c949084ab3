"""What the run's record is told of each device of an opened bench."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hil.testbed.testbed import Testbed

__all__ = ["device_events"]


def device_events(testbed: Testbed) -> Iterator[dict[str, Any]]:
    """The fields of a ``device`` event of each, as the device told who it is and as the bench file declares it."""
    for name, identity in testbed.identities.items():
        declared = testbed.bench.device[name]
        yield {
            "name": name,
            "role": str(declared.__struct_config__.tag),
            "driver": declared.driver,
            "simulated": name in testbed.simulated_devices,
            "replayed": testbed.replayed,
            "vendor": identity.vendor,
            "model": identity.model,
            "serial": identity.serial,
            "firmware": identity.firmware,
            "bench": testbed.name,
            "site": declared.site,
            "calibration": "; ".join(
                f"{what} due {entry.due} ({entry.certificate or 'no certificate'})"
                for what, entry in declared.calibration.items()
            ),
        }
