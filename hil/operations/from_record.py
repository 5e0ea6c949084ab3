"""What a run's record shows of an objective, slice by slice: of its blocks, its timed operations, its series of up and down.

Only objectives that say which indicator they are (a bench's own, and what was exported from them) can be found in a record.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from hil.operations.budget import History, slices_of
from hil.record.axis import begun_s, offsets_s
from hil.record.events import read_events
from hil.record.series import read_series
from hil.telemetry.of_record import LINK_UP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hil.operations.objective import ServiceObjective
    from hil.record.model import BlockEntry, Record

__all__ = ["history_of"]

_OPERATIONS = {"key_ingestion": "key ingestion", "auth_round_trip": "authenticated round trip"}
_RATES = ("key_rate", "contract_key_rate")


def history_of(folder: Path, record: Record, objective: ServiceObjective) -> History | None:
    """The history of an objective in a run; None where the run shows nothing of it.

    Tests are laid end to end, so a run is as long as its tests together; what they broke on purpose is in it.
    """
    link, indicator = objective.labels.get("link", ""), objective.decision.indicator
    if indicator in _OPERATIONS:
        return _timed(folder, record, objective, link)
    if indicator == "link_availability" and (found := _logged(folder, record, objective, link)):
        return found
    offsets = offsets_s(record)
    blocks = [(offsets.get(block.case, 0.0), block) for block in record.blocks if block.link == link]
    if not blocks or indicator not in {"link_availability", "qber", *_RATES}:
        return None
    if indicator == "qber":
        return _errors(objective, blocks, begun_s(record))
    good = _up if indicator == "link_availability" else _fast_enough(objective.decision.limit or 0.0)
    spans = [(at_s + block.start_s, at_s + block.end_s, good(block)) for at_s, block in blocks]
    # a rest shorter than a slice makes one all the same: a run of half a minute shows something
    end_s = math.ceil(max(end_s for _, end_s, _ in spans) / objective.slice_s - 1e-6) * objective.slice_s
    return slices_of(_excluding(objective), spans, (0.0, end_s), begun_s(record))


def _excluding(objective: ServiceObjective) -> ServiceObjective:
    """Time between the tests of a run is nobody's outage."""
    return replace(objective, decision=replace(objective.decision, no_data="exclude"))


def _up(block: BlockEntry) -> bool:
    return block.released and block.secret_bits > 0


def _fast_enough(limit_bps: float) -> Callable[[BlockEntry], bool]:
    def judge(block: BlockEntry) -> bool:
        net = (block.secret_bits if block.released else 0) - block.authentication_bits
        return net / (block.end_s - block.start_s) >= limit_bps

    return judge


def _logged(folder: Path, record: Record, objective: ServiceObjective, link: str) -> History | None:
    """From a series of up and down in slices of the objective's length; what it leaves open counts for nothing."""
    import numpy as np

    for entry in record.series:
        if entry.link == link and LINK_UP in {column.name for column in entry.columns}:
            times_s, values = read_series(folder / entry.file)[LINK_UP]
            if times_s.size > 1 and np.allclose(np.diff(times_s), objective.slice_s):
                start_s = begun_s(record) + offsets_s(record).get(entry.case, 0.0)
                open_ = np.isnan(values)
                return History(start_s, objective.slice_s, (values == 0.0).astype(np.float64), (~open_).astype(np.float64))
    return None


def _errors(objective: ServiceObjective, blocks: list[tuple[float, BlockEntry]], epoch_s: float) -> History:
    """Bits by the slot in which their block ended; of a block that was not corrected, those that were compared."""
    import numpy as np

    slots = max(math.ceil(max(at_s + block.end_s for at_s, block in blocks) / objective.slice_s - 1e-6), 1)
    bad, total = np.zeros(slots), np.zeros(slots)
    for at_s, block in blocks:
        slot = min(max(math.ceil((at_s + block.end_s) / objective.slice_s - 1e-6) - 1, 0), slots - 1)
        corrected = block.key_errors is not None
        bad[slot] += block.key_errors if block.key_errors is not None else block.test_errors
        total[slot] += block.sifted_key_bits if corrected else block.sifted_test_bits
    return History(epoch_s, objective.slice_s, bad, total, int((total == 0.0).sum()))


def _timed(folder: Path, record: Record, objective: ServiceObjective, link: str) -> History | None:
    """Durations have no bench time: they are of the whole run, one slot."""
    import numpy as np

    wanted = _OPERATIONS[objective.decision.indicator]
    durations = [duration_s for name, on, duration_s in _durations(folder) if name == wanted and on == link]
    if not durations or objective.decision.limit is None:
        return None
    slow = sum(duration_s > objective.decision.limit for duration_s in durations)
    length_s = max(record.duration_s, 1.0)
    return History(begun_s(record), length_s, np.array([float(slow)]), np.array([float(len(durations))]))


def _durations(folder: Path) -> Iterator[tuple[str, str, float]]:
    for file in sorted(folder.glob("events-*.jsonl")):
        for event in read_events(file)[0]:
            if event.kind == "latency":
                for duration_s in event.data.get("durations_s", ()):
                    yield event.data["operation"], event.data.get("link", ""), float(duration_s)
