"""What is looked at after each block of a game day: which signals are on, and whether the day has to be called off.

Signals compare a block with the steady state before anything was broken. Abort conditions are looked at after every block and
keep their confidence over all looks together: look k of a condition has the share 1 / (k (k + 1)) of its error probability,
which adds up to all of it (union bound).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hil import discovery
from hil.slo import resolve
from hil.statistics.binomial import clopper_pearson
from hil.statistics.counts import garwood
from hil.statistics.interval import Interval
from hil.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hil.gamedays.model import Abort, Alert
    from hil.ports.run import BlockReport, LinkRun
    from hil.testbed.link import Link

__all__ = ["OF_KEY", "Aborts", "Look", "Watch", "firings"]

OF_KEY = {"no-key", "key-rate"}
"""Signals that a block cannot switch on of which this framework took no key."""
_SIGMAS = 5.0
_SHARE = 0.1
_HALF = 0.5


@dataclass(frozen=True)
class Look:
    """After one block, which ran from ``start_s`` to ``end_s``: whether it gave key, and what each signal that is on says.

    ``barred``: the parties would have gone on with it, and this framework took no key of it.
    """

    time_s: float
    start_s: float
    end_s: float
    released: bool
    barred: bool
    signals: Mapping[str, str]


class Watch:
    """Looks at blocks of a link; ``steady`` is its run before anything was broken."""

    def __init__(self, link: Link, steady: LinkRun) -> None:
        self._link = link
        self._rate_bps = steady.net_secret_bits / (steady.end_s - steady.start_s)
        self._counts_hz, self._counted_s = _counts(steady)
        self._qber: Any = discovery.find("indicator", "qber")
        self._limit = resolve(link.testbed.bench, link.name, self._qber, link.prediction)

    def look(self, run: LinkRun, refused: str) -> Look:
        """At a run of one block; ``refused`` is what an application was told when it asked for keys, if that failed."""
        block = run.blocks[-1]
        return Look(
            time_s=self._link.testbed.now_s(),
            start_s=block.start_s,
            end_s=block.end_s,
            released=block.released,
            barred=block.barred,
            signals=dict(self._signals(run, refused)),
        )

    def _signals(self, run: LinkRun, refused: str) -> Iterator[tuple[str, str]]:
        block = run.blocks[-1]
        if not block.released and not block.barred:  # a key that this framework refused says nothing of the link
            yield "no-key", block.sentence
        (verdict,) = self._qber.judge(run, self._limit)
        if verdict.outcome is Outcome.FAIL:
            yield "qber", verdict.reason
        rate_bps = run.net_secret_bits / (block.end_s - block.start_s)
        if rate_bps < _HALF * self._rate_bps and not block.barred:
            yield "key-rate", f"{rate_bps:,.0f} bit/s, {self._rate_bps:,.0f} bit/s in the steady state"
        counts_hz, counted_s = _counts(run)
        sigma_hz = math.sqrt(max(counts_hz, 1.0 / counted_s) / counted_s + self._counts_hz / self._counted_s)
        if abs(counts_hz - self._counts_hz) > max(_SIGMAS * sigma_hz, _SHARE * self._counts_hz):
            yield "counts", f"{counts_hz:,.0f} clicks a second, {self._counts_hz:,.0f} in the steady state"
        if refused:
            yield "delivery", refused
        yield from self._strangers()

    def _strangers(self) -> Iterator[tuple[str, str]]:
        testbed = self._link.testbed
        for name in self._link.device_names:
            if (says := testbed.device(name).identity()) != testbed.identities[name]:
                yield "identity", f"{name} is {says} now"


class Aborts:
    """The conditions on which a game day is called off."""

    def __init__(self, link: Link, conditions: Sequence[Abort]) -> None:
        self._link = link
        self._conditions = conditions
        self._looks = 0

    def reached(self, run: LinkRun) -> str:
        """Which one is surely met, in words; nothing where none is."""
        self._looks += 1
        for condition in self._conditions:
            share = (1.0 - condition.confidence) / (self._looks * (self._looks + 1))
            found = self._measured(condition.quantity, run, 1.0 - share)
            if condition.above is not None and found.low > condition.above:
                return f"{condition.quantity} {found.estimate:.4g} (at least {found.low:.4g}), above {condition.above:g}"
            if condition.below is not None and found.high < condition.below:
                return f"{condition.quantity} {found.estimate:.4g} (at most {found.high:.4g}), below {condition.below:g}"
        return ""

    def _measured(self, quantity: str, run: LinkRun, confidence: float) -> Interval:
        if quantity == "qber":
            return clopper_pearson(*_errors(run.blocks[-1]), confidence)
        if quantity == "counts":
            counts_hz, counted_s = _counts(run)
            return garwood(counts_hz * counted_s, counted_s, confidence)
        temperature_c = self._link.receiver.stage_temperature_c()
        return Interval(temperature_c, temperature_c, temperature_c, confidence, "a reading", 1)


def firings(alert: Alert, looks: Sequence[Look]) -> list[Look]:
    """The looks at which an alert fires: its signal has been on for so long, and it was quiet before."""
    fired, since_s, firing = [], math.inf, False
    for look in looks:
        if alert.signal not in look.signals:
            since_s, firing = math.inf, False
            continue
        since_s = min(since_s, look.time_s)
        if not firing and look.time_s - since_s >= alert.for_s - 1e-9:
            fired.append(look)
            firing = True
    return fired


def _counts(run: LinkRun) -> tuple[float, float]:
    """Clicks a second of all detectors, and over how many seconds."""
    counted_s = run.gate_s * min(len(gates) for gates in run.counts.values())
    return sum(float(gates.sum()) for gates in run.counts.values()) / counted_s, counted_s


def _errors(block: BlockReport) -> tuple[int, int]:
    """Errors and bits of the key basis, of the test basis where nothing was corrected."""
    if block.key_errors is not None:
        return block.key_errors, block.sifted_key_bits
    return block.test_errors, block.sifted_test_bits
