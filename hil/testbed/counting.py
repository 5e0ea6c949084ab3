"""Counts of a run in short gates: from detection records, or from the counters of a device that shows no more (L1, L2)."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from hil.ports.detections import TagRecords
from hil.ports.run import LinkRun
from hil.testbed.measuring import count
from hil.testbed.sampling import Sampler

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from hil.ports.detections import DetectionRecords
    from hil.record.series import Series
    from hil.testbed.link import Link

__all__ = ["GATE_S", "count_series", "gate_series", "gated", "joined", "run"]

GATE_S = 0.1
"""Length of a gate, where a block is not shorter."""


def gated(records: DetectionRecords | TagRecords, detectors: int, gate_s: float, pulse_rate_hz: float) -> npt.NDArray[np.int64]:
    """Clicks by gate and detector, shape (whole gates of the block, detectors)."""
    import numpy as np

    if isinstance(records, TagRecords):
        times, gate = records.ticks, round(gate_s / records.clock.tick_s)
    else:
        times, gate = records.index, round(gate_s * pulse_rate_hz)
    gates = (records.end - records.first) // gate
    edges = records.first + gate * np.arange(gates + 1, dtype=np.int64)
    bounds = np.searchsorted(times, edges)  # clicks come in the order of their times
    pieces = [np.bincount(records.detector[start:end], minlength=detectors) for start, end in itertools.pairwise(bounds)]
    return np.array(pieces, dtype=np.int64).reshape(gates, detectors)


def joined(parts: Sequence[npt.NDArray[np.int64]]) -> npt.NDArray[np.int64]:
    """Gates of several receivers side by side, as many as all of them have."""
    import numpy as np

    return np.concatenate([part[: min(map(len, parts))] for part in parts], axis=1)


def gate_series(start_s: float, gate_s: float, gates: int) -> npt.NDArray[np.float64]:
    """The middle of each gate, in bench seconds."""
    import numpy as np

    return start_s + gate_s * (np.arange(gates, dtype=np.float64) + 0.5)


def count_series(names: Sequence[str], times_s: npt.NDArray[np.float64], gates: npt.NDArray[np.int64], gate_s: float) -> Series:
    """Count rates over time, in total and by detector."""
    by_detector = {f"{name}.counts_hz": (times_s, gates[:, number] / gate_s) for number, name in enumerate(names)}
    return {"counts_hz": (times_s, gates.sum(axis=1) / gate_s), **by_detector}


def run(link: Link, duration_s: float) -> LinkRun:
    """A run of a link that shows counters only: counts and temperature, no blocks."""
    clock, names = link.testbed.clock, link.receiver.detectors
    start_s = link.testbed.now_s()
    with Sampler(clock, 1.0, lambda: {"temperature_c": link.receiver.stage_temperature_c()}) as temperature:
        number = max(round(duration_s / GATE_S), 1)
        gates, gate_s, whole = count(link, number, duration_s / number)
    end_s = link.testbed.now_s()
    return LinkRun(
        link=link.name,
        level=link.level,
        simulated=link.simulated,
        start_s=start_s,
        end_s=end_s,
        blocks=(),
        net_secret_bits=0,
        counts={name: gates[:, number] for number, name in enumerate(names)},
        gate_s=gate_s,
        prediction=link.prediction,
        faults=link.windows.touching(start_s, end_s),
        series={**count_series(names, gate_series(start_s, gate_s, number)[whole], gates, gate_s), **temperature.series()},
        source=link.source,
    )
