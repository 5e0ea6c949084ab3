"""Observations taken one after the other, as the one they are together."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hil.errors import UsageError
from hil.ports.run import BasisBalance, BellCounts, CountGates, Latencies, LinkRun, StageTimes, VisibilityCounts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["joined"]


def joined(parts: Sequence[Any]) -> Any:
    """Observations of one kind, in the order they were taken; lists of them item by item.

    UsageError for a kind that is not made of blocks, and for what does not belong together.
    """
    first = parts[0]
    if isinstance(first, list | tuple):
        if any(len(part) != len(first) for part in parts):
            raise UsageError("every look has to observe the same subjects")
        return [joined(each) for each in zip(*parts, strict=True)]
    join = next((join for kind, join in _JOINS.items() if isinstance(first, kind)), None)
    if join is None or any(type(part) is not type(first) for part in parts):
        known = ", ".join(kind.__name__ for kind in _JOINS)
        raise UsageError(f"{type(first).__name__} is not observed block after block; expected one of {known}, or a list")
    return first if len(parts) == 1 else join(parts)


def _runs(parts: Sequence[LinkRun]) -> LinkRun:
    import numpy as np

    first, last = parts[0], parts[-1]
    return replace(
        first,
        simulated=any(part.simulated for part in parts),
        end_s=last.end_s,
        blocks=tuple(block for part in parts for block in part.blocks),
        net_secret_bits=sum(part.net_secret_bits for part in parts),
        counts={name: np.concatenate([part.counts[name] for part in parts]) for name in first.counts},
        faults=tuple(dict.fromkeys(fault for part in parts for fault in part.faults)),
        series={
            name: (
                np.concatenate([part.series[name][0] for part in parts if name in part.series]),
                np.concatenate([part.series[name][1] for part in parts if name in part.series]),
            )
            for name in dict.fromkeys(name for part in parts for name in part.series)
        },
        claimed=_claims(parts),
        visibility=_visibilities([part.visibility for part in parts if part.visibility is not None]),
        bell=_bells([part.bell for part in parts if part.bell is not None]),
        held_s=math.fsum(part.held_s for part in parts),
        stages=_stages(parts),
    )


def _claims(parts: Sequence[LinkRun]) -> dict[str, float]:
    """Sums of bits, the error rate by bits, means over the runs of everything else."""
    names = dict.fromkeys(name for part in parts for name in part.claimed)
    claims = {}
    for name in names:
        having = [part for part in parts if name in part.claimed]
        weights = [part.claimed.get("sifted_bits", 0.0) if name == "qber_ratio" else 1.0 for part in having]
        total = math.fsum(part.claimed[name] * weight for part, weight in zip(having, weights, strict=True))
        claims[name] = total if name == "sifted_bits" else total / math.fsum(weights) if any(weights) else math.nan
    return claims


def _visibilities(parts: Sequence[VisibilityCounts]) -> VisibilityCounts | None:
    if not parts:
        return None
    bases = dict.fromkeys(basis for part in parts for basis in part.by_basis)
    pairs = {basis: [part.by_basis.get(basis, (0, 0)) for part in parts] for basis in bases}
    return replace(
        parts[0],
        by_basis={basis: (sum(all_of for all_of, _ in each), sum(bad for _, bad in each)) for basis, each in pairs.items()},
    )


def _bells(parts: Sequence[BellCounts]) -> BellCounts | None:
    if not parts:
        return None
    by_settings = zip(*(part.by_settings for part in parts), strict=True)
    return replace(
        parts[0], by_settings=tuple((sum(pairs for pairs, _ in each), sum(bad for _, bad in each)) for each in by_settings)
    )


def _stages(parts: Sequence[LinkRun]) -> dict[str, StageTimes]:
    names = dict.fromkeys(name for part in parts for name in part.stages)
    return {
        name: StageTimes(
            tuple(value for part in parts if name in part.stages for value in part.stages[name].process_s),
            tuple(value for part in parts if name in part.stages for value in part.stages[name].cpu_s),
        )
        for name in names
    }


def _gates(parts: Sequence[CountGates]) -> CountGates:
    import numpy as np

    first = parts[0]
    if any((part.detector, part.condition) != (first.detector, first.condition) for part in parts):
        raise UsageError("gates of one detector and one condition are counted on; these are of several")
    counts = np.concatenate([part.counts for part in parts])
    gate_s = math.fsum(part.gate_s * part.counts.size for part in parts) / counts.size if counts.size else first.gate_s
    return replace(first, gate_s=gate_s, counts=counts)


def _balances(parts: Sequence[BasisBalance]) -> BasisBalance:
    import numpy as np

    first = parts[0]
    if any(part.subject != first.subject for part in parts):
        raise UsageError("clicks of one basis are counted on; these are of several")
    return replace(
        first,
        ones=np.concatenate([part.ones for part in parts]),
        clicks=np.concatenate([part.clicks for part in parts]),
    )


def _latencies(parts: Sequence[Latencies]) -> Latencies:
    import numpy as np

    first = parts[0]
    if any(part.operation != first.operation for part in parts):
        raise UsageError("times of one operation are taken on; these are of several")
    return replace(first, durations_s=np.concatenate([part.durations_s for part in parts]))


_JOINS: dict[type, Callable[[Any], Any]] = {
    LinkRun: _runs,
    CountGates: _gates,
    BasisBalance: _balances,
    Latencies: _latencies,
}
