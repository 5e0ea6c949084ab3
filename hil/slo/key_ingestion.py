"""M7: how long a key takes from being made to being ready in the key store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.ports.run import Latencies
from hil.ports.spec import IndicatorSpec
from hil.slo._decide import each, verdict
from hil.slo._latency import RULE, RULES, find

if TYPE_CHECKING:
    from hil.ports.objective import Objective
    from hil.verdict import Verdict

__all__ = ["SPEC"]


def _judge(observation: object, objective: Objective) -> tuple[Verdict, ...]:
    return tuple(verdict(SPEC, objective, find(one, objective)) for one in each(observation, Latencies, SPEC.name))


SPEC = IndicatorSpec(
    name="key_ingestion",
    title="key ingestion latency",
    unit="s",
    default_limit=1.0,
    direction="below",
    time_base="process",
    observes=Latencies,
    judge=_judge,
    rule=RULE,
    rules=RULES,
)
