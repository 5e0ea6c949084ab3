"""Service level indicators, one file each, each with its SPEC.

A limit is resolved before anything is measured (:func:`resolve`), then ``SPEC.judge(observation, objective)`` gives verdicts.
"""

from hil.slo._decide import declared_rule
from hil.slo._objectives import CONTRACTED_SHARE, resolve

__all__ = ["CONTRACTED_SHARE", "declared_rule", "resolve"]
