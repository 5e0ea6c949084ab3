"""Whether a fault may move what it would move: hardware by permission and with a guardian, everything inside its limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.errors import BenchError, MissingCapabilityError
from hil.testbed.channel.classical_channel import SUFFIX
from hil.testbed.injection.fault_bench import ways_of
from hil.testbed.injection.trajectory import inside_envelopes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hil.testbed.injection.trajectory import Leg
    from hil.testbed.link import Link

__all__ = ["admit", "is_real"]


def is_real(link: Link, device: str) -> bool:
    """Whether it stays as it is when this process dies; a channel's proxies do not, and a tape is nobody.

    In a rehearsal, what would be hardware on the bench itself.
    """
    testbed = link.testbed
    if device.endswith(SUFFIX) or device in ways_of(link) or testbed.replayed:
        return False
    return device not in testbed.simulated_devices or device in testbed.rehearsed


def admit(link: Link, fault: str, devices: Iterable[str], way: Sequence[Leg], *, cooled: bool) -> None:
    """MissingCapabilityError, EnvelopeError, ChaosLimitError or BenchError for a fault that must not come; nothing was moved.

    ``way``: what it would do. ``cooled``: whether a device that cools down is in the way already.
    """
    testbed = link.testbed
    for device in sorted({device for device in devices if is_real(link, device)}):
        if testbed.bench.device[device].chaos != "allow":
            raise MissingCapabilityError(
                f'{fault}: {device} is real, and [device.{device}] does not say chaos = "allow"; nothing was moved'
            )
        if testbed.guardian is None and device not in testbed.rehearsed:
            raise BenchError(
                f"{fault}: {device} is real, and no guardian would heal it if this process were killed; nothing was moved."
                " Open the bench with Testbed.open, which starts one"
            )
        if testbed.guardian is not None and testbed.guardian.unfit:
            raise BenchError(f"{fault}: {device} is real, and nothing was moved: {testbed.guardian.unfit}")
    inside_envelopes(testbed.bench, fault, way)
    testbed.chaos_limits.check(fault, way, cooled=cooled)
