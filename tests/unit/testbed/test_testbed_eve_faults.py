"""What notices an eavesdropper who comes as a fault, and that one who does nothing changes no number."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, cast

import pytest

from hil.bench import load, shipped
from hil.errors import MissingCapabilityError
from hil.faults import intercept_resend, photon_number_splitting, time_shift
from hil.testbed.injection.chaos import Chaos
from hil.testbed.slo import Slo
from hil.verdict import Outcome

if TYPE_CHECKING:
    from pathlib import Path

    from hil.ports.spec import FaultSpec
    from hil.testbed.link import Link
    from hil.testbed.testbed import Testbed

ZEROS: dict[str, dict[str, float]] = {
    "intercept_resend": {"intercept_ratio": 0.0},
    "photon_number_splitting": {"split_ratio": 0.0},
    "time_shift": {"shift_s": 0.0},
}


@pytest.fixture
def chaos(link: Link) -> Chaos:
    return Chaos(link.testbed, link)


def test_half_of_the_pulses_intercepted_end_in_the_abort_for_errors(link: Link, chaos: Chaos) -> None:
    """A quarter of a half on top of what there is: above the limit of 8 %, in words of the pipeline itself."""
    with chaos.intercept_resend(intercept_ratio=0.5) as eve:
        (block,) = link.run("200 ms").blocks
    assert eve.healed
    assert not block.released
    assert 0.11 < block.test_errors / block.sifted_test_bits < 0.15
    assert "QBER of the test basis" in block.sentence
    assert "above the limit" in block.sentence
    assert link.run("200 ms").blocks[0].released


def test_a_few_pulses_intercepted_are_paid_for_by_the_estimate(link: Link, chaos: Chaos) -> None:
    """Five in a hundred stay below every limit and nothing of the fault's own forbids the key: longer blocks would give it."""
    with chaos.intercept_resend(intercept_ratio=0.05):
        (watched,) = link.run("200 ms").blocks
    assert not watched.released
    assert "too short a block" in watched.sentence
    assert "it takes about" in watched.sentence
    assert link.run("200 ms").blocks[0].released


def test_splitting_leaves_the_errors_and_takes_the_key(link: Link, chaos: Chaos) -> None:
    with chaos.photon_number_splitting(split_ratio=1.0) as eve:
        (block,) = link.run("200 ms").blocks
    assert eve.healed
    assert not block.released
    assert block.test_errors / block.sifted_test_bits < 0.03
    assert "no block gives key, however long" in block.sentence
    assert link.run("200 ms").blocks[0].released


def test_shifted_pulses_are_missed_counts(link: Link, chaos: Chaos) -> None:
    """16 ** -(0.4 ** 2): 64 % of the counts, where photon counts may be 10 % off; errors stay as they were."""

    def outcome() -> Outcome:
        (verdict, *_) = Slo(link).judge(link.count_gates("lit", gates=20), "photon_counts")
        return Outcome(verdict.outcome)

    with chaos.time_shift(shift="200 ps") as eve:
        assert outcome() is Outcome.FAIL
        (block,) = link.run("200 ms").blocks
        assert block.test_errors / block.sifted_test_bits < 0.03
        assert not block.released
        assert "every detection of this block was made while time_shift was in" in block.sentence
    assert eve.healed
    assert outcome() is Outcome.PASS


def numbers(testbed: Testbed, fault: str = "") -> tuple[Any, ...]:
    """Of a run that begins 40 s after its link was lit, with a fault of zero in, or none."""
    testbed.begin("the same numbers")
    link = cast("Link", testbed.link("metro"))
    link.up()
    begin_s = testbed.now_s() + 40.0
    with getattr(Chaos(testbed, link), fault)(**ZEROS[fault]) if fault else nullcontext():
        testbed.clock.sleep(begin_s - testbed.now_s())
        (block,) = link.run("200 ms").blocks
    testbed.end()
    return block.detections, tuple(
        (number, basis, bits, wrong if basis else None) for number, basis, bits, wrong in block.by_intensity
    )


@pytest.mark.parametrize("fault", ZEROS)
def test_zero_changes_no_number(opened: Testbed, fault: str) -> None:
    assert numbers(opened, fault) == numbers(opened)


class _Hardware:
    """A bench that says it is real: the link has no parameter that could be moved."""

    def __init__(self, bench: Path) -> None:
        self._bench = load(bench)

    def device_of_role(self, role: str) -> str:
        return next(name for name, one in self._bench.device.items() if one.__struct_config__.tag == role)

    def declared(self, device: str) -> Any:
        return self._bench.device[device]

    def read(self, device: str, setting: str) -> float:
        raise MissingCapabilityError(f"{device} is real, and no driver can move its {setting}")


@pytest.mark.parametrize(
    "spec", [intercept_resend.SPEC, photon_number_splitting.SPEC, time_shift.SPEC], ids=lambda spec: spec.name
)
def test_on_hardware_there_is_nobody_to_command(spec: FaultSpec) -> None:
    with pytest.raises(MissingCapabilityError, match=r"metro is real, and no command makes it so: it would take"):
        spec.plan(cast("Any", _Hardware(shipped()["metro-25km"])), "metro", None)
