"""Which limit holds: the bench file's, then the contract's, then the indicator's default. The source is recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from hil import units
from hil.bench import slo_limit
from hil.errors import UsageError
from hil.ports.objective import Objective

if TYPE_CHECKING:
    from hil.bench.model import Bench, SloLimit
    from hil.ports.run import Prediction
    from hil.ports.spec import IndicatorSpec

__all__ = ["CONTRACTED_SHARE", "resolve"]

CONTRACTED_SHARE = 0.8
"""Of the predicted key rate, where the bench file names no contract."""

MINIMUM_KEY_RATE_BPS = 100.0
"""No contract is for less: below it the link is of no use, and 80 % of a predicted zero would be met by nothing at all."""

_SIDES = {"below": "max", "above": "min", "within": "max"}


def resolve(bench: Bench, link: str, spec: IndicatorSpec, prediction: Prediction | None = None) -> Objective:
    """The objective of one indicator on one link, declared before anything is measured.

    For an indicator that is judged ``within`` a tolerance of a declared value, the limit is that tolerance, a ratio.
    UsageError for a ``min`` where a ``max`` belongs and the other way round.
    """
    own = slo_limit(bench, spec.name)
    gate = spec.gate and (own is None or own.gate)
    confidence = 0.95 if own is None else own.confidence
    limit = _bench_limit(own, spec)
    if limit is not None:
        return Objective(spec.name, limit, spec.unit, confidence, "bench", gate)
    if spec.default_limit is None:
        return Objective(spec.name, _contracted_bps(bench, link, prediction), spec.unit, confidence, "contract", gate)
    return Objective(spec.name, spec.default_limit, spec.unit, confidence, "default", gate)


def _bench_limit(own: SloLimit | None, spec: IndicatorSpec) -> float | None:
    if own is None:
        return None
    side = _SIDES[spec.direction]
    other = "min" if side == "max" else "max"
    if getattr(own, other) is not UNSET:
        raise UsageError(f"slo.{spec.name}.{other}: {spec.title} has a {side}, no {other}")
    value = getattr(own, side)
    if value is UNSET:
        return None
    return units.convert(value, spec.unit) if isinstance(value, str) else float(value)


def _contracted_bps(bench: Bench, link: str, prediction: Prediction | None) -> float | None:
    """What the supplier promised, or the usual share of what the bench file lets expect; None when nothing says."""
    contract = bench.link[link].contract
    if contract is not None:
        return contract.key_rate_bps
    if prediction is None:
        return None
    return max(CONTRACTED_SHARE * prediction.key_rate_bps, MINIMUM_KEY_RATE_BPS)
