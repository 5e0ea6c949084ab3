"""Alertmanager's side: who is told of what, what is grouped, and when nobody is told.

Pages and tickets go to different receivers, grouped by bench, site and link, so that a cut fibre is one message. A page keeps
the tickets of its objective quiet, a game day or a calibration everything of its link; calibrations at known times are mute
time intervals of the link.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hil.errors import UsageError
from hil.operations.objective import object_name
from hil.operations.watching import CALIBRATING, GAME_DAY
from hil.operations.windows import prometheus_duration

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Calibration", "Receivers", "alertmanager"]

_NOBODY = "nobody"

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WHEN = re.compile(
    r"(?:(?P<link>[^:\s]+):\s*)?(?P<day>daily|[a-z]+)\s+(?P<start>\d\d:\d\d)-(?P<end>\d\d:\d\d)",
)
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d|24:00")
_WAIT_S = {"page": 30.0, "ticket": 300.0}
_AGAIN_S = {"page": 4 * 3600.0, "ticket": 72 * 3600.0}


@dataclass(frozen=True)
class Receivers:
    """Webhooks that pages and tickets are sent to."""

    page_url: str = "http://oncall.example/page"
    ticket_url: str = "http://oncall.example/ticket"


@dataclass(frozen=True)
class Calibration:
    """A time at which a link (or every link, where it is empty) may calibrate itself: ``metro: sunday 02:00-04:00``."""

    day: str
    start: str
    end: str
    link: str = ""
    zone: str = "UTC"

    @classmethod
    def parse(cls, text: str, zone: str = "UTC") -> Calibration:
        """UsageError, with the accepted form, for anything else."""
        found = _WHEN.fullmatch(text.strip())
        start, end = (found["start"], found["end"]) if found else ("", "")
        if found is None or found["day"] not in {"daily", *_DAYS} or not (_CLOCK.fullmatch(start) and _CLOCK.fullmatch(end)):
            raise UsageError(f"calibration {text!r}: expected [LINK:] daily or a weekday, and times: metro: sunday 02:00-04:00")
        if not start < end:
            raise UsageError(f"calibration {text!r}: ends before it begins; give one until 24:00 and one from 00:00")
        return cls(found["day"], start, end, found["link"] or "", zone)

    @property
    def name(self) -> str:
        """Of its interval."""
        return object_name("calibration", self.link, self.day, self.start, self.zone)

    def interval(self) -> dict[str, Any]:
        """As Alertmanager has it."""
        times = {"times": [{"start_time": self.start, "end_time": self.end}], "location": self.zone}
        days = {} if self.day == "daily" else {"weekdays": [self.day]}
        return {"name": self.name, "time_intervals": [{**days, **times}]}


def alertmanager(
    receivers: Receivers, links: Sequence[tuple[str, str]], calibrations: Sequence[Calibration] = (), speed: float = 1.0
) -> dict[str, Any]:
    """A whole configuration for (bench, link) pairs; UsageError for a calibration of a link that is none of them."""
    known = {link for _, link in links}
    if strangers := sorted({one.link for one in calibrations if one.link} - known):
        raise UsageError(f"calibration of {', '.join(strangers)}: no such link; there are {', '.join(sorted(known))}")
    routes: list[dict[str, Any]] = [{"matchers": ['severity="none"'], "receiver": _NOBODY}]
    for bench, link in links:
        mute = [one.name for one in calibrations if one.link in {"", link}]
        routes += [_route(severity, [f'bench="{bench}"', f'link="{link}"'], mute, speed) for severity in _WAIT_S]
    routes += [_route(severity, [], [], speed) for severity in _WAIT_S]  # whatever else there is, a page is a page
    return {
        "route": {
            "receiver": "ticket",
            "group_by": ["bench", "site", "link"],
            "group_wait": _time(_WAIT_S["ticket"], speed),
            "group_interval": _time(300.0, speed),
            "repeat_interval": _time(_AGAIN_S["ticket"], speed),
            "routes": routes,
        },
        "receivers": [
            {"name": _NOBODY},
            _receiver("page", receivers.page_url),
            _receiver("ticket", receivers.ticket_url),
        ],
        "inhibit_rules": _inhibitions(),
        "time_intervals": [one.interval() for one in calibrations],
    }


def _route(severity: str, more: list[str], mute: list[str], speed: float) -> dict[str, Any]:
    route: dict[str, Any] = {
        "matchers": [f'severity="{severity}"', *more],
        "receiver": severity,
        "group_wait": _time(_WAIT_S[severity], speed),
        "repeat_interval": _time(_AGAIN_S[severity], speed),
    }
    return route | ({"mute_time_intervals": mute} if mute else {})


def _receiver(name: str, url: str) -> dict[str, Any]:
    return {"name": name, "webhook_configs": [{"url": url, "send_resolved": True}]}


def _inhibitions() -> list[dict[str, Any]]:
    quiet = [
        {
            "source_matchers": [f'alertname="{name}"'],
            "target_matchers": ['severity=~"page|ticket"'],
            "equal": ["bench", "link"],
        }
        for name in (GAME_DAY, CALIBRATING)
    ]
    paged = {
        "source_matchers": ['severity="page"', 'slo!=""'],  # labels that both lack count as equal
        "target_matchers": ['severity="ticket"'],
        "equal": ["bench", "link", "slo"],
    }
    return [*quiet, paged]


def _time(seconds: float, speed: float) -> str:
    """Not below a tenth of a second, which a faster drill would not notice."""
    return prometheus_duration(max(seconds / speed, 0.1))
