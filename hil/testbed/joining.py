"""Observations taken one after the other, as the one they are together."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from hil.errors import UsageError
from hil.ports.run import (
    Availability,
    BasisBalance,
    BellCounts,
    CalibrationLog,
    CountGates,
    InterClickGaps,
    Latencies,
    LinkRun,
    StageTimes,
    VisibilityCounts,
)

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
    visible = [part.visibility for part in parts if part.visibility is not None]
    bell = [part.bell for part in parts if part.bell is not None]
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
        visibility=_visibilities(visible) if visible else None,
        bell=_bells(bell) if bell else None,
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


def _visibilities(parts: Sequence[VisibilityCounts]) -> VisibilityCounts:
    _alike([part.subject for part in parts], "coincidences of one subject are collected")
    bases = dict.fromkeys(basis for part in parts for basis in part.by_basis)
    pairs = {basis: [part.by_basis.get(basis, (0, 0)) for part in parts] for basis in bases}
    return replace(
        parts[0],
        by_basis={basis: (sum(all_of for all_of, _ in each), sum(bad for _, bad in each)) for basis, each in pairs.items()},
        looks=tuple(look for part in parts for look in part.looks or (part.by_basis,)),
    )


def _bells(parts: Sequence[BellCounts]) -> BellCounts:
    _alike([(part.subject, part.signs) for part in parts], "pairs of one subject and one choice of signs are collected")
    by_settings = zip(*(part.by_settings for part in parts), strict=True)
    return replace(
        parts[0],
        by_settings=tuple((sum(pairs for pairs, _ in each), sum(bad for _, bad in each)) for each in by_settings),
        looks=tuple(look for part in parts for look in part.looks or (part.by_settings,)),
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
    _alike([(part.detector, part.condition) for part in parts], "gates of one detector and one condition are counted on")
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
    _alike([part.operation for part in parts], "times of one operation are taken on")
    return replace(first, durations_s=np.concatenate([part.durations_s for part in parts]))


def _availabilities(parts: Sequence[Availability]) -> Availability:
    _alike([(part.subject, part.slice_s) for part in parts], "slices of one length and one subject are watched on")
    return replace(
        parts[0],
        good=sum(part.good for part in parts),
        total=sum(part.total for part in parts),
        looks=tuple(look for part in parts for look in part.looks or ((part.good, part.total),)),
    )


def _calibrations(parts: Sequence[CalibrationLog]) -> CalibrationLog:
    """The window from the first beginning to the last end; what a log says twice counts once."""
    import numpy as np

    _alike([part.subject for part in parts], "the calibrations of one device are watched on")
    windows = [part.window_s for part in parts]
    if any(later[0] > earlier[1] for earlier, later in pairwise(windows)):
        raise UsageError("a device's calibrations are watched without a break; say measure=lambda: the log since the start")
    times_s = np.unique(np.concatenate([part.times_s for part in parts]))
    return replace(parts[0], times_s=times_s, window_s=(windows[0][0], windows[-1][1]))


def _gaps(parts: Sequence[InterClickGaps]) -> InterClickGaps:
    import numpy as np

    _alike([(part.detector, part.tick_s, part.declared_dead_time_s) for part in parts], "gaps of one detector are collected")
    return replace(parts[0], gaps=np.concatenate([part.gaps for part in parts]))


def _alike(what: Sequence[object], expected: str) -> None:
    if any(each != what[0] for each in what):
        raise UsageError(f"{expected}; these are of several")


_JOINS: dict[type, Callable[[Any], Any]] = {
    LinkRun: _runs,
    CountGates: _gates,
    BasisBalance: _balances,
    Latencies: _latencies,
    Availability: _availabilities,
    CalibrationLog: _calibrations,
    InterClickGaps: _gaps,
    VisibilityCounts: _visibilities,
    BellCounts: _bells,
}
