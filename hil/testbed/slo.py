"""Objectives of a link: declares the rule, judges what was observed, records the verdicts, raises for the worst."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hil.testbed.link import Link
    from hil.testbed.recorded_link import RecordedLink
    from hil.verdict import Verdict

__all__ = ["Slo"]


class Slo:
    """Judges observations of one link; the fixture ``slo``."""

    def __init__(self, link: Link | RecordedLink) -> None:
        self.link = link

    def judge(self, observation: Any, *indicators: str) -> tuple[Verdict, ...]:
        """Verdicts of these indicators on an observation of hil.ports.run, recorded; nothing is raised for them."""
        raise NotImplementedError

    def check(self, observation: Any, *indicators: str) -> tuple[Verdict, ...]:
        """As :meth:`judge`, and raise for the worst.

        ObjectiveMissedError, BenchError, Inconclusive or MissingCapabilityError for a gate that is not PASS; NotAGateError for
        any other verdict that is not PASS.
        """
        raise NotImplementedError
