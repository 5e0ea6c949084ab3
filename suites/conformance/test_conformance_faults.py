"""Each fault with its recovery: what it does, that no key comes from it, and that the link is itself again afterwards."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec
import pytest

from hil.physics.prediction import predict

if TYPE_CHECKING:
    from hil import Chaos, Link
    from hil.clock import Clock
    from hil.ports.run import LinkRun

pytestmark = pytest.mark.hil_level("L3")


def _counts_hz(link: Link, run: LinkRun) -> float:
    """Clicks a second of the link's receiver; of an entangled link, that of its party b."""
    return sum(float(run.counts[name].mean()) for name in link.detector_names(link.receiver)) / run.gate_s


def _qber(run: LinkRun) -> float:
    """Errors in the test basis, which every block discloses, key or not."""
    return sum(block.test_errors for block in run.blocks) / sum(block.sifted_test_bits for block in run.blocks)


def _rise_by_dark_counts(link: Link, added_hz: float) -> float:
    """What the closed forms have of the QBER when each detector of the receiver gets so many dark counts more."""
    declared = link.receiver_declared
    noisy = msgspec.structs.replace(declared, dark_count_rate_hz=declared.dark_count_rate_hz + added_hz)
    bench = link.testbed.bench
    other = msgspec.structs.replace(bench, device={**bench.device, link.receiver.name: noisy})
    return predict(other, link.name).qber_ratio - link.prediction.qber_ratio


def _assert_recovered(link: Link) -> LinkRun:
    """The first block after healing gives key again."""
    run = link.run(link.declared.block_s)
    assert run.blocks[0].released, f"the first block after healing gave no key: {run.blocks[0].sentence}"
    return run


def _assert_no_key(run: LinkRun) -> None:
    made = [block.sequence for block in run.blocks if block.released or block.secret_bits]
    assert not made, f"blocks {made} gave key though every detection in them was made while a fault was in"


@pytest.mark.hil_needs("switch")
@pytest.mark.hil_disturbs("switch")
def test_fiber_cut(link: Link, chaos: Chaos) -> None:
    """Counts fall to dark counts and the switch's leak, nothing is released, and the next block gives key."""
    before = link.run(link.declared.block_s)
    with chaos.fiber_cut() as cut:
        during = link.run(3.0 * link.declared.block_s)
    assert cut.healed
    isolation_db = link.switch_declared.isolation_db
    dark_hz = link.prediction.dark_counts_hz * len(link.receiver.detectors)
    expected_hz = dark_hz + _counts_hz(link, before) * 10.0 ** (-isolation_db / 10.0)
    # two thirds of leeway for a bench whose detectors are quieter or noisier than declared
    live_s = sum(block.live_s for block in during.blocks)
    assert _counts_hz(link, during) < 5.0 / 3.0 * expected_hz + 5.0 * math.sqrt(expected_hz / live_s)
    _assert_no_key(during)
    _assert_recovered(link)


@pytest.mark.hil_needs("switch")
@pytest.mark.hil_disturbs("switch")
def test_fiber_cut_in_the_middle_of_a_run(link: Link, chaos: Chaos) -> None:
    """A scheduled cut costs the blocks it covers and no more: key before, none within, key again after."""
    block_s = link.declared.block_s
    link.up()
    cut = chaos.at(1.5 * block_s).fiber_cut(duration=2.0 * block_s)
    run = link.run(6.0 * block_s)
    assert cut.healed
    window = run.faults[0]
    inside = [block for block in run.blocks if block.start_s >= window.start_s and block.end_s <= window.end_s]
    outside = [block for block in run.blocks if block.end_s <= window.start_s or block.start_s >= window.end_s]
    assert inside, "no block lies within the cut"
    assert all(not block.released for block in inside)
    assert run.blocks[0].released, f"no key before the cut: {run.blocks[0].sentence}"
    assert run.blocks[-1].released, f"no key after the cut: {run.blocks[-1].sentence}"
    assert all(block.released for block in outside), [block.sentence for block in outside if not block.released]
    assert all("fiber" in " ".join(block.faults) for block in inside), "a block within the cut does not name it"


@pytest.mark.hil_needs("temperature-controller")
@pytest.mark.hil_disturbs("temperature-controller")
def test_thermal_drift(link: Link, chaos: Chaos, clock: Clock) -> None:
    """A stage 10 K off its set point raises the QBER as declared; back on it, the QBER is what it was."""
    before = link.run(2.0 * link.declared.block_s)
    assert link.temperature_controller is not None
    with chaos.thermal_drift(delta_k=10.0) as drift:
        clock.sleep(link.temperature_controller.capabilities.settle_s)
        during = link.run(2.0 * link.declared.block_s)
    assert drift.healed
    _assert_no_key(during)
    rise = _qber(during) - _qber(before)
    declared = 10.0 * link.receiver_declared.misalignment_per_k
    assert rise > declared / 2.0, f"10 K raised the QBER by {rise:.4f}, {declared:.4f} are declared"
    after = _assert_recovered(link)
    bits = sum(block.sifted_test_bits for block in (*before.blocks, *after.blocks))
    assert abs(_qber(after) - _qber(before)) < declared / 2.0 + 5.0 * math.sqrt(_qber(before) / bits)


@pytest.mark.hil_needs("twin")
def test_dark_count_spike(link: Link, chaos: Chaos) -> None:
    """50,000 dark counts a second in each detector show in counts and QBER, and are gone afterwards."""
    before = link.run(link.declared.block_s)
    with chaos.dark_count_spike(link.receiver, rate_hz=50_000) as spike:
        during = link.run(link.declared.block_s)
    assert spike.healed
    _assert_no_key(during)
    added_hz = _counts_hz(link, during) - _counts_hz(link, before)
    expected_hz = 50_000 * len(link.receiver.detectors)
    assert added_hz == pytest.approx(expected_hz, rel=0.2)
    rise, declared = _qber(during) - _qber(before), _rise_by_dark_counts(link, 50_000.0)
    noise = 5.0 * math.sqrt(2.0 * _qber(before) / sum(block.sifted_test_bits for block in during.blocks))
    assert rise > declared / 2.0 - noise, f"the QBER rose by {rise:.4f}, {declared:.4f} follow from 50,000 dark counts a second"
    after = _assert_recovered(link)
    assert _counts_hz(link, after) == pytest.approx(_counts_hz(link, before), rel=0.02)


@pytest.mark.hil_needs("twin")
def test_dark_count_spike_in_part_of_a_run(link: Link, chaos: Chaos) -> None:
    """A spike that heals by itself in the middle of a run leaves the blocks after it untouched."""
    block_s = link.declared.block_s
    with chaos.dark_count_spike(link.receiver, rate_hz=5_000, duration=1.5 * block_s) as spike:
        run = link.run(4.0 * block_s)
    assert spike.healed
    assert run.blocks[0].faults, "the first block does not name the spike it was made in"
    assert not run.blocks[-1].faults, f"the last block names {run.blocks[-1].faults}, which were over"
    assert run.blocks[-1].released, run.blocks[-1].sentence


@pytest.mark.hil_needs("twin")
def test_sync_loss(link: Link, chaos: Chaos) -> None:
    """Without its synchronisation signal a receiver clicks on; blocks give no key and say why, and the next one does."""
    link.ensure_up()
    with chaos.sync_loss() as lost:
        during = link.run(link.declared.block_s)
    assert lost.healed
    _assert_no_key(during)
    silent = [block.sentence for block in during.blocks if "no synchronisation" not in block.sentence]
    assert not silent, f"a block without synchronisation says {silent[0]!r}"
    _assert_recovered(link)
