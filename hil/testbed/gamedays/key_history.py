"""Writes down what becomes of keys as a link makes them: the steps that checkers of a history judge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from hil.history.steps import Step
from hil.pipeline.event_log import Learned
from hil.pipeline.settings import KeyFate
from hil.testbed.released import batch_digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hil.history.steps import History, StepName
    from hil.pipeline.settings import BlockResult

__all__ = ["note_blocks"]


def note_blocks(history: History, time_s: float, of_a: BlockResult, of_b: BlockResult) -> None:
    """What both ends made of a block, and of an earlier one that was in doubt until now."""
    for each in _counted(time_s, of_a):
        history.note(each)
    ends: tuple[tuple[Literal["a", "b"], BlockResult], ...] = (("a", of_a), ("b", of_b))
    for side, result in ends:
        for one in filter(None, (result.settled, result)):
            history.note(_fate(time_s, side, one))


def _counted(time_s: float, result: BlockResult) -> Iterator[Step]:
    report = result.report
    allowed = [event.value for event in result.log if isinstance(event, Learned) and event.what == "allowed by the proof"]
    yield Step(time_s=time_s, step="sifted", block=report.sequence, bits=report.sifted_key_bits + report.sifted_test_bits)
    if report.key_errors is not None:
        yield Step(time_s=time_s, step="reconciled", block=report.sequence, bits=report.sifted_key_bits)
    if report.secret_bits:
        allowed_bits = int(allowed[-1]) if allowed else None
        yield Step(time_s=time_s, step="amplified", block=report.sequence, bits=report.secret_bits, allowed_bits=allowed_bits)


def _fate(time_s: float, side: Literal["a", "b"], result: BlockResult) -> Step:
    block, why = result.report.sequence, result.report.sentence
    if result.fate is KeyFate.RELEASED:
        return Step(
            time_s=time_s,
            step="released",
            side=side,
            block=block,
            bits=sum(key.bit_length for _, key in result.keys),
            key_ids=tuple(key_id for key_id, _ in result.keys),
            digests=batch_digest(key for _, key in result.keys),
        )
    step: StepName = "aborted" if result.fate is KeyFate.DISCARDED else "in-doubt"
    return Step(time_s=time_s, step=step, side=side, block=block, why=why)
