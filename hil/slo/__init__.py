"""Service level indicators, one file each, each with its SPEC.

A limit is resolved before anything is measured (:func:`resolve`), then ``SPEC.judge(observation, objective)`` gives verdicts.
"""

from hil.slo._comparing import compare, comparison_rule, latency_excess
from hil.slo._decide import declared_rule
from hil.slo._objectives import CONTRACTED_SHARE, resolve, ruled

__all__ = ["CONTRACTED_SHARE", "compare", "comparison_rule", "declared_rule", "latency_excess", "resolve", "ruled"]
