"""Runs a link: whole blocks from its detections, or, of a device that shows less, what it counts or claims."""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from hil.errors import DeviceError, MissingCapabilityError
from hil.pipeline.settings import BlockContext
from hil.pipeline.stopwatch import Spent, Stopwatch
from hil.pipeline.stopwatch import together as both_parties
from hil.ports.identity import EvidenceLevel
from hil.ports.run import LinkRun, StageTimes
from hil.record.events import STAGE
from hil.testbed import black_box, counting
from hil.testbed._quantity import seconds
from hil.testbed.acquisition import acquire
from hil.testbed.channel.classical import flowing, wrapped
from hil.testbed.channel.classical_channel import SUFFIX
from hil.testbed.counting import GATE_S, gate_series, gated, joined
from hil.testbed.restarts import came_back
from hil.testbed.sampling import Sampler
from hil.testbed.steps import through

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from hil.pipeline.settings import BlockResult
    from hil.pipeline.stepping import Interceptor
    from hil.pipeline.transcript import TranscriptWriter
    from hil.ports.run import BlockReport
    from hil.record.series import Series
    from hil.testbed.channel.classical import Flow
    from hil.testbed.delivery import KeyDelivery
    from hil.testbed.link import Link
    from hil.testbed.steps import Steps

__all__ = ["Extras", "run", "steps", "unsaved"]

_LOOK_S = 0.1
"""Bench time after which a run that waits for room in the key stores looks again."""


@dataclass(frozen=True)
class Extras:
    """Who sits on the parties' channel, where its transcript is written, and who takes keys as the run goes on."""

    interceptor: Interceptor | None = None
    transcript: Path | None = None
    deliver_to: KeyDelivery | None = None


def run(link: Link, duration: str | float, extras: Extras | None = None) -> LinkRun:
    """Run the link as its evidence level allows; what comes out is recorded."""
    return through(link.testbed.clock, steps(link, seconds(duration), extras or Extras(), ahead=True))


def steps(link: Link, duration_s: float, extras: Extras | None = None, *, ahead: bool = False) -> Steps[LinkRun]:
    """The same run, waited for by the caller, so that several links can run at once.

    ``ahead``: a block is taken while the one before is distilled; without it, keys are there as soon as a step is done.
    """
    made = yield from unsaved(link, duration_s, extras, ahead=ahead)
    link.testbed.save_series(link.name, made.series)
    return made


def unsaved(link: Link, duration_s: float, extras: Extras | None = None, *, ahead: bool = False) -> Steps[LinkRun]:
    """The same, for whoever puts several runs together and saves their series as one."""
    extras = extras or Extras()
    if extras.interceptor is not None or extras.transcript is not None:
        link.require(EvidenceLevel.L3, "attacks on messages between the parties, and transcripts of them,")
    if extras.deliver_to is not None and link.level in {EvidenceLevel.L1, EvidenceLevel.L2}:
        link.require(EvidenceLevel.L3, "keys for a key store")
    link.ensure_up()
    if link.level is EvidenceLevel.L0:
        made = yield from black_box.run(link, duration_s)
        if extras.deliver_to is not None:
            extras.deliver_to.take_in()
    elif link.level < EvidenceLevel.L3:
        made = counting.run(link, duration_s)
    else:
        made = yield from _run_blocks(link, duration_s, extras, ahead=ahead)
    return made


@dataclass
class _Collected:
    """What is kept of a run's blocks: their reports and gates, not their clicks; and who sits on their channel."""

    interceptor: Interceptor | None
    transcript: TranscriptWriter | None

    blocks: list[BlockReport] = field(default_factory=list)
    gates: list[npt.NDArray[np.int64]] = field(default_factory=list)
    gate_starts_s: list[npt.NDArray[np.float64]] = field(default_factory=list)
    spent: defaultdict[str, list[Spent]] = field(default_factory=lambda: defaultdict(list))

    @property
    def stages(self) -> dict[str, StageTimes]:
        """What each stage took, block by block."""
        return {
            stage: StageTimes(tuple(one.process_s for one in several), tuple(one.cpu_s for one in several))
            for stage, several in self.spent.items()
        }


def _run_blocks(link: Link, duration_s: float, extras: Extras, *, ahead: bool) -> Steps[LinkRun]:
    clock, block_ns = link.testbed.clock, round(link.declared.block_s * 1e9)
    gate_s = min(GATE_S, link.declared.block_s)
    start_ns = clock.now_ns()
    end_ns = start_ns + round(duration_s * 1e9)
    with ExitStack() as stack:
        writer = None if extras.transcript is None else stack.enter_context(link.transcript_writer(extras.transcript))
        collected, held_s = _Collected(extras.interceptor, writer), 0.0
        temperature = stack.enter_context(Sampler(clock, 1.0, partial(_temperature, link)))
        flow = stack.enter_context(flowing(link, ahead=ahead))
        try:
            while 2 * (left_ns := end_ns - clock.now_ns()) >= block_ns:
                if _delivered(collected, extras.deliver_to):
                    lost = yield from _one_block(link, min(block_ns, left_ns) / 1e9, gate_s, flow, collected)
                    _note(link, flow.finished(all_of_them=lost is not None), collected)
                    if lost is not None:
                        _keep(link, lost, collected)
                        link.ensure_up()
                else:
                    wait_s = min(_LOOK_S, left_ns / 1e9)
                    yield wait_s
                    held_s += wait_s
        finally:  # whatever stops the run, blocks under way come to their end and their keys are kept
            _note(link, flow.finished(all_of_them=True), collected)
        yield max(left_ns, 0) / 1e9
        _delivered(collected, extras.deliver_to)
    _record_times(link, collected, held_s)
    made = _assembled(link, (start_ns / 1e9, link.testbed.now_s()), gate_s, collected, temperature.series())
    return replace(made, held_s=held_s, stages=collected.stages)


def _delivered(collected: _Collected, deliver_to: KeyDelivery | None) -> bool:
    """Hand over what was released so far; False where there was no room for all of it."""
    if deliver_to is None:
        return True
    watch = Stopwatch()
    keys, all_of_them = watch.call("deliver", deliver_to.take_in)
    if keys:
        collected.spent["deliver"].append(watch.read()["deliver"])
    return all_of_them


def _record_times(link: Link, collected: _Collected, held_s: float) -> None:
    for stage, times in collected.stages.items():
        link.testbed.record("latency", operation=f"{STAGE}{stage}", durations_s=times.process_s, link=link.name)
    if held_s:
        text = f"no block was begun for {held_s:g} s: the key stores were full"
        link.testbed.record("note", text=text, time_s=link.testbed.now_s(), link=link.name)


def _temperature(link: Link) -> dict[str, float]:
    """None while the receiver does not answer: the block that is under way tells of that."""
    with suppress(DeviceError, MissingCapabilityError):
        return {"temperature_c": link.receiver.stage_temperature_c()}
    return {}


def _one_block(link: Link, block_s: float, gate_s: float, flow: Flow, collected: _Collected) -> Steps[BlockReport | None]:
    """Acquire, count, and hand over to both parties; the clicks themselves are gone once these are done with them.

    Gives the report of a block in which a device restarted, which neither party ever sees.
    """
    watch, begun_s = Stopwatch(), link.testbed.now_s()
    try:
        first_pulse = link.sent_pulses()
        records, start_s, end_s = yield from acquire(link, block_s, watch)
        end_pulse = link.sent_pulses()
    except DeviceError as error:
        yield from came_back(link, error)
        if not (restarted := link.restarts.found()):
            raise
        return _lost_block(link, begun_s, restarted)
    if restarted := link.restarts.found():
        return _lost_block(link, begun_s, restarted)
    collected.spent["acquire"].append(watch.read()["acquire"])
    by_receiver = zip(link.receivers, records, strict=True)
    gates = joined([gated(own, len(one.detectors), gate_s, link.pulse_rate_hz) for one, own in by_receiver])
    windows = link.windows.touching(start_s, end_s)
    context = BlockContext(
        sequence=link.next_sequence(),
        start_s=start_s,
        end_s=end_s,
        live_s=min(own.live_s for own in records),
        faults=tuple(dict.fromkeys(window.fault for window in windows)),
        only_in_fault=link.windows.cover(start_s, end_s),
        pulses=None if first_pulse is None or end_pulse is None else (first_pulse, end_pulse),
    )
    collected.gates.append(gates)
    collected.gate_starts_s.append(gate_series(start_s, gate_s, len(gates)))
    begins = link.parties.begin(context, records)
    interceptor = _on_the_channel(link, context.sequence, collected.interceptor)
    flow.submit(*wrapped(begins, context.sequence, interceptor, collected.transcript))
    return None


def _lost_block(link: Link, begun_s: float, restarted: tuple[str, ...]) -> BlockReport:
    """The end of a block in whose middle devices restarted."""
    now_s = link.testbed.now_s()
    windows = link.windows.touching(begun_s, now_s)
    faults = tuple(dict.fromkeys(window.fault for window in windows))
    context = BlockContext(sequence=link.next_sequence(), start_s=begun_s, end_s=now_s, live_s=0.0, faults=faults)
    return link.parties.lost(
        context, f"{' and '.join(restarted)} restarted while the block was taken, and its detections are gone"
    )


def _note(link: Link, results: Iterator[tuple[BlockResult, BlockResult]], collected: _Collected) -> None:
    """Keep and record what both parties made of blocks."""
    for of_a, of_b in results:
        for stage, spent in both_parties((of_a.stages, of_b.stages)).items():
            collected.spent[stage].append(spent)
        _keep(link, link.conclude(of_a, of_b), collected)


def _keep(link: Link, report: BlockReport, collected: _Collected) -> None:
    """Keep and record one report."""
    collected.blocks.append(report)
    fields = {entry.name: getattr(report, entry.name) for entry in dataclasses.fields(report)}
    del fields["key_fingerprints"]  # a key event holds one digest for all of them
    link.testbed.record("block", link=link.name, **fields)


def _on_the_channel(link: Link, sequence: int, interceptor: Interceptor | None) -> Interceptor | None:
    """Whoever sits on the channel, and behind him what a fault of this test does to it where no proxy stands between."""
    if link.declared.classical.transport in {"tcp", "tls"}:
        return interceptor
    channel = link.testbed.broken_classical(link.name + SUFFIX)
    return interceptor if channel is None else channel.between(sequence, interceptor)


def _assembled(link: Link, span_s: tuple[float, float], gate_s: float, collected: _Collected, temperature: Series) -> LinkRun:
    import numpy as np

    names = [name for receiver in link.receivers for name in link.detector_names(receiver)]
    gates = np.concatenate([*collected.gates, np.empty((0, len(names)), dtype=np.int64)])
    times_s = np.concatenate([*collected.gate_starts_s, np.empty(0)])
    series = {**_block_series(collected.blocks), **counting.count_series(names, times_s, gates, gate_s), **temperature}
    series |= link.block_series(collected.blocks)
    return LinkRun(
        link=link.name,
        level=link.level,
        simulated=link.simulated,
        start_s=span_s[0],
        end_s=span_s[1],
        blocks=tuple(collected.blocks),
        net_secret_bits=sum(_net_bits(block) for block in collected.blocks),
        counts={name: gates[:, number] for number, name in enumerate(names)},
        gate_s=gate_s,
        prediction=link.prediction,
        faults=link.windows.touching(*span_s),
        series=series,
        **link.observed(collected.blocks),
    )


def _block_series(blocks: list[BlockReport]) -> Series:
    """QBER and net key rate of each block, at its middle."""
    import numpy as np

    times_s = np.array([(block.start_s + block.end_s) / 2.0 for block in blocks], dtype=np.float64)
    rates = [_net_bits(block) / (block.end_s - block.start_s) for block in blocks]
    return {
        "qber_ratio": (times_s, np.array([_qber(block) for block in blocks], dtype=np.float64)),
        "key_rate_bps": (times_s, np.array(rates, dtype=np.float64)),
        **_clock_series(blocks),
    }


def _clock_series(blocks: list[BlockReport]) -> Series:
    """Rate and delay of a receiver's own clock as synchronisation recovered them, from the blocks where it did."""
    import numpy as np

    found = [
        ((block.start_s + block.end_s) / 2.0, {e.unit: e.value for e in block.ledger if e.stage == "synchronisation"})
        for block in blocks
    ]
    told = [(time_s, values) for time_s, values in found if values]
    times_s = np.array([time_s for time_s, _ in told], dtype=np.float64)
    names = {"clock_rate_ppm": "ppm", "clock_delay_ns": "ns"} if told else {}
    return {name: (times_s, np.array([values[unit] for _, values in told], dtype=np.float64)) for name, unit in names.items()}


def _net_bits(block: BlockReport) -> int:
    return (block.secret_bits if block.released else 0) - block.authentication_bits


def _qber(block: BlockReport) -> float:
    """Of the key basis as corrected; of the test basis where correction was not reached; nan without either."""
    if block.key_errors is not None and block.sifted_key_bits:
        return block.key_errors / block.sifted_key_bits
    return block.test_errors / block.sifted_test_bits if block.sifted_test_bits else math.nan
