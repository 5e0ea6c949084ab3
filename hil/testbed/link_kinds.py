"""Which class runs a link of a protocol; each is loaded when a link of its kind is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.errors import UsageError

if TYPE_CHECKING:
    from hil.testbed.link import Link
    from hil.testbed.recordings.recorded_link import RecordedLink
    from hil.testbed.repeater_link import RepeaterLink
    from hil.testbed.testbed import Testbed

__all__ = ["make_link"]


def make_link(testbed: Testbed, name: str) -> Link | RecordedLink | RepeaterLink:
    """The link of that name; UsageError for a protocol that nothing here runs."""
    protocol = testbed.bench.link[name].protocol
    if protocol == "recorded-pairs":
        from hil.testbed.recordings.recorded_link import RecordedLink

        return RecordedLink.of(testbed, name)
    if protocol == "bb84-decoy":
        from hil.testbed.link import Link

        return Link(testbed, name)
    if protocol == "entanglement-swapping":
        from hil.testbed.repeater_link import RepeaterLink

        return RepeaterLink(testbed, name)
    if testbed.bench.link[name].entangled:
        from hil.testbed.entangled_link import EntangledLink

        return EntangledLink(testbed, name)
    raise UsageError(f"link {name}: no link of protocol {protocol!r} can be run")
