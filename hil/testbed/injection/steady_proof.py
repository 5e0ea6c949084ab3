"""Before a test gets the bench: whether what was healed in the dark has brought the steady state back.

The link is lit for as long as it takes to look, with its actuators as they stood before the fault, and with a guardian.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from hil.errors import BenchError, DeviceError, HilError
from hil.testbed import actuators
from hil.testbed.guard.steady import in_words, not_back
from hil.testbed.guard.ward import guarded
from hil.testbed.injection.steady_look import SteadyLook

if TYPE_CHECKING:
    from hil.testbed.guard.steady import Owed
    from hil.testbed.link import Link
    from hil.testbed.testbed import Testbed

__all__ = ["see_healed"]

logger = logging.getLogger("hil.testbed")

_LOOK_S = 1.0
_MARGIN_S = 2.0
"""Beyond the longest settle time that a device of the link declares."""


def see_healed(testbed: Testbed) -> None:
    """Look at every steady state that is owed to a link of this bench, and park.

    BenchError for one that does not come back within its devices' settle times; what was moved is in quarantine then.
    """
    guardian = testbed.guardian
    for owed in guardian.owed if guardian is not None else ():
        if not _concerns(testbed, owed):
            _say(testbed, f"{owed}: whether the steady state is back has still to be looked at, by a run on that bench")
            continue
        try:
            words, wrong = _looked_at(testbed, owed)
        finally:
            testbed.park()
        if wrong:
            link = owed.steady.link
            why = f"{owed}: healed, and reads back as it stood, but the steady state of link {link} is not back: {wrong}"
            testbed.quarantine(owed.moved, why)
            raise BenchError(
                f"{why}. {' and '.join(owed.moved)}: in quarantine. Look at the way of the light and what moves it, then run"
                " `hil safe --clear --bench ...`"
            )
        assert guardian is not None
        guardian.settle(owed)
        _say(testbed, f"{owed}: the steady state of link {owed.steady.link} is back: {words}")


def _concerns(testbed: Testbed, owed: Owed) -> bool:
    """Whether this bench has that very link, of the same real devices."""
    return (
        owed.steady.link in testbed.bench.link
        and owed.addresses.items() <= guarded(testbed.bench, testbed.simulated_devices).items()
    )


def _looked_at(testbed: Testbed, owed: Owed) -> tuple[str, str]:
    """What was compared in words, and what of it is not back; DeviceError for a device in trouble, which proves nothing."""
    from hil.testbed.link import Link

    link = testbed.link(owed.steady.link)
    assert isinstance(link, Link)
    try:
        _stand(link, owed)
    except DeviceError:
        raise
    except HilError as error:
        return "", str(error)
    clock, look = testbed.clock, SteadyLook(link)
    settles_s = max(testbed.devices[name].capabilities.settle_s for name in link.device_names)
    until_s = testbed.now_s() + settles_s + _MARGIN_S
    while True:
        look.begin()
        clock.sleep(_LOOK_S)
        now = look.end()
        wrong = not_back(owed.steady, now)
        if not wrong or testbed.now_s() >= until_s:
            return in_words(owed.steady, now), "; ".join(wrong)


def _stand(link: Link, owed: Owed) -> None:
    """Lit, with every actuator as it stood before the fault: a test may have moved more of them than its fault did."""
    link.up()
    for stood in owed.steady.stood:
        device = link.testbed.devices[stood.device]
        if not actuators.stands(stood.setting, actuators.read(device, stood.setting), float(stood.value)):
            actuators.carry_out(device, stood)


def _say(testbed: Testbed, text: str) -> None:
    logger.warning("%s", text)
    testbed.record("note", text=text)
