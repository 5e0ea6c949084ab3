"""What the faults of a test would move, when and how far, for a run that only rehearses them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.testbed.injection.admission import is_real

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hil.testbed.injection.fault import Fault
    from hil.testbed.injection.trajectory import Leg
    from hil.testbed.link import Link

__all__ = ["ChaosPlan"]

_MEANING = (
    "Rehearsed on twins, from where they stand: no real device was opened or moved. Times are bench time from the test's begin;"
    " a fault heals to the value it came from."
)
_COLUMNS = ("when", "fault", "moves", "from", "to", "moves in", "until", "is")


class ChaosPlan:
    """Of one test on one link: a row for each setting that a fault moves."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._rows: list[tuple[str, ...]] = []

    def add(self, fault: Fault, way: Sequence[Leg], now_s: float) -> None:
        """A fault comes now, and goes this way."""
        until = f"{now_s + fault.duration_s:.6g} s" if fault.duration_s is not None else "healed by the test"
        for device, setting in dict.fromkeys((leg.device, leg.setting) for leg in way):
            own = [leg for leg in way if (leg.device, leg.setting) == (device, setting)]
            furthest = max((leg.after for leg in own), key=lambda value: abs(value - own[0].before))
            moves = "1 move" if len(own) == 1 else f"{len(own)} moves, {own[-1].time_s - own[0].time_s:.4g} s"
            kind = "hardware" if is_real(self._link, device) else "twin"
            begins = f"{now_s + own[0].time_s:.6g} s"
            named = f"{device} {setting}"
            self._rows.append((begins, fault.commanded, named, f"{own[0].before:g}", f"{furthest:g}", moves, until, kind))
        if not way:
            self._rows.append((f"{now_s:.6g} s", fault.commanded, "nothing", "", "", "", until, ""))

    def record(self) -> None:
        """The table into the run's record, where any fault came."""
        if self._rows:
            testbed = self._link.testbed
            testbed.record(
                "table",
                title=f"Chaos plan of {testbed.case or 'this run'} on link {self._link.name}",
                columns=_COLUMNS,
                rows=tuple(self._rows),
                sentences=(_MEANING,),
                link=self._link.name,
            )
            self._rows.clear()
