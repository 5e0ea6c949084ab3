"""M2: the secret key rate against the contracted one; without a contract, 80 % of what the bench file lets expect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.ports.run import LinkRun
from hil.ports.spec import IndicatorSpec
from hil.slo._decide import each, verdict
from hil.slo._key_rate import RULE, RULES, find

if TYPE_CHECKING:
    from hil.ports.objective import Objective
    from hil.verdict import Verdict

__all__ = ["SPEC"]


def _judge(observation: object, objective: Objective) -> tuple[Verdict, ...]:
    runs = each(observation, LinkRun, SPEC.name)
    return tuple(verdict(SPEC, objective, find(run, objective, "contracted rate")) for run in runs)


SPEC = IndicatorSpec(
    name="contract_key_rate",
    title="contracted secret key rate",
    unit="bit/s",
    default_limit=None,
    direction="above",
    time_base="bench",
    observes=LinkRun,
    judge=_judge,
    rule=RULE,
    rules=RULES,
)
