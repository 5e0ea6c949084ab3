"""Faults of polarisation, alignment and of what a transmitter chooses: who notices them, and that zero changes nothing."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest

from hil.errors import MissingCapabilityError, ObjectiveMissedError, UsageError
from hil.testbed.injection.chaos import Chaos
from hil.testbed.slo import Slo
from hil.testbed.source_checks import intensities_off, settings_off
from hil.testbed.testbed import Testbed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hil.bench.model import TransmitterDevice
    from hil.ports.run import LinkRun
    from hil.testbed.link import Link

ZERO: dict[str, dict[str, Any]] = {
    "misalignment": {"added_ratio": 0.0},
    "polarisation_drift": {"rotation_rad": 0.0},
    "polarisation_burst": {"burst_s": 0.0},
    "mode_imbalance": {"offset_db": 0.0},
    "basis_bias": {"shift_ratio": 0.0},
    "weak_qrng": {"repeat_ratio": 0.0},
}
"""Settings of zero of every fault here."""


@pytest.fixture
def chaos(testbed: Testbed, link: Link) -> Chaos:
    return Chaos(testbed, link)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("misalignment", {"added_ratio": 0.02}),
        ("polarisation_drift", {"rotation_rad": 0.4}),  # sin²(0.2) = 3.9 %
        ("polarisation_burst", {"burst_s": 0.02}),  # a fifth of the time, half of the bits of it: 10 %
    ],
)
def test_the_qber_notices_bits_that_go_wrong(chaos: Chaos, link: Link, name: str, settings: dict[str, Any]) -> None:
    """Below 2 % before and after, above with the fault."""
    slo = Slo(link)
    slo.check(link.run("200 ms"), "qber")
    with getattr(chaos, name)(**settings) as fault, pytest.raises(ObjectiveMissedError, match="above the limit of 2 %"):
        slo.check(link.run("400 ms"), "qber")
    assert fault.healed
    slo.check(link.run("200 ms"), "qber")


def test_a_drift_of_the_polarisation_costs_more_and_more(chaos: Chaos, link: Link) -> None:
    """At each level of a ramp to 0.4 rad: sin²(a/2) on top of 1.2 % of misalignment, dark counts and afterpulses."""
    clock, expected, off = link.testbed.clock, [], []
    with chaos.polarisation_drift(rotation_rad=0.4, waveform="ramp 10 s") as drift:
        assert drift.window is not None
        for at_s in (8.05, 10.05):  # it moves every half second
            clock.sleep(drift.window.start_s + at_s - link.testbed.now_s())
            (block,) = link.run("200 ms").blocks
            expected.append(0.012 + np.sin(0.2 * drift.levels[-1][1]) ** 2)
            sigma = np.sqrt(expected[-1] / block.sifted_test_bits)
            off.append((block.test_errors / block.sifted_test_bits - expected[-1]) / sigma)
    assert [level for _, level in drift.levels][-1] == 1.0
    assert expected[0] < 0.9 * expected[1]
    assert np.abs(off).max() < 5.0


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("basis_bias", {"shift_ratio": -0.03}, "the key basis in"),
        ("weak_qrng", {"repeat_ratio": 0.05}, "not random by runs"),
    ],
)
def test_settings_notice_a_generator_that_is_not_one(
    chaos: Chaos, link: Link, name: str, settings: dict[str, Any], said: str
) -> None:
    """Nothing is off before and after; with the fault it is the declared share, or the runs of bits."""
    assert settings_off(link) == []
    with getattr(chaos, name)(**settings):
        off = settings_off(link)
        assert any(said in sentence for sentence in off), off
    assert settings_off(link) == []


@pytest.mark.parametrize(("offset_db", "number"), [(1.0, 1), (-2.0, 1), (2.0, 0)])
def test_intensities_notice_one_that_is_off(chaos: Chaos, link: Link, offset_db: float, number: int) -> None:
    """A decoy a quarter too bright or a third too dim, a signal too bright; all are as declared before and after."""
    assert intensities_off(link) == []
    with chaos.mode_imbalance(offset_db=offset_db, intensity_number=number):
        assert any(sentence.startswith(f"intensity {number} made") for sentence in intensities_off(link))
    assert intensities_off(link) == []


def test_an_intensity_that_does_not_exist(chaos: Chaos) -> None:
    """Refused before anything moves, whole numbers or not."""
    for number in (3, 0.5):
        with pytest.raises(UsageError, match="no intensity"):
            chaos.mode_imbalance(offset_db=1.0, intensity_number=number)


def test_a_fault_of_the_errors_is_seen_in_the_blocks_of_a_run(chaos: Chaos, link: Link) -> None:
    """Scheduled into a run it takes no block of its own: those of the run tell, in and out."""
    drift = chaos.at("300 ms").polarisation_drift(rotation_rad=0.5, duration="800 ms")
    run = link.run("2 s")
    assert drift.healed
    assert "QBER" in drift.evidence
    assert drift.window is not None
    clear = [block for block in run.blocks if block.end_s <= drift.window.start_s or block.start_s >= drift.window.end_s]
    inside = [block for block in run.blocks if block.start_s >= drift.window.start_s and block.end_s <= drift.window.end_s]
    assert clear
    assert inside
    assert max(block.test_errors / block.sifted_test_bits for block in clear) < 0.025
    assert min(block.test_errors / block.sifted_test_bits for block in inside[1:3]) > 0.04


def _same(testbed: Testbed, *, fault: Callable[[Chaos], Any] | None) -> LinkRun:
    """A run 40 s after the link of the same case was lit, with a fault or without."""
    testbed.begin("zero of a source changes nothing")
    link = cast("Link", testbed.link("metro"))
    link.up()
    begin_s = testbed.now_s() + 40.0
    with nullcontext() if fault is None else fault(Chaos(testbed, link)):
        testbed.clock.sleep(begin_s - testbed.now_s())
        run = link.run("200 ms")
    testbed.end()
    return run


@pytest.fixture(scope="module")
def unbroken(opened: Testbed) -> LinkRun:
    """What the link does on its own."""
    return _same(opened, fault=None)


@pytest.mark.parametrize("name", ZERO)
def test_zero_changes_nothing(opened: Testbed, unbroken: LinkRun, name: str) -> None:
    """The same clicks, bits, errors and key to the last one as without the fault, from the same seed."""
    with_it = _same(opened, fault=lambda chaos: getattr(chaos, name)(**ZERO[name]))
    assert all(np.array_equal(with_it.counts[detector], unbroken.counts[detector]) for detector in unbroken.counts)
    (one,), (other,) = with_it.blocks, unbroken.blocks
    for what in ("sifted_key_bits", "test_errors", "key_errors", "secret_bits", "released", "by_intensity"):
        assert getattr(one, what) == getattr(other, what), what
    assert other.released


@pytest.fixture(scope="module")
def boxed() -> Iterator[Testbed]:
    with Testbed.open("metro-25km-black-box", seed=3) as testbed:
        yield testbed


class TestBlackBox:
    """What one shows of it."""

    @pytest.mark.parametrize(
        ("name", "settings", "word"),
        [
            ("misalignment", {"added_ratio": 0.02}, "QBER"),
            ("polarisation_burst", {"burst_s": 0.02}, "QBER"),
            ("mode_imbalance", {"offset_db": 1.0}, "clicks claimed"),
            ("basis_bias", {"shift_ratio": -0.1}, "bits of the key basis claimed"),
        ],
    )
    def test_its_claims_show_it(self, boxed: Testbed, name: str, settings: dict[str, Any], word: str) -> None:
        boxed.begin(f"black box {name}")
        with getattr(Chaos(boxed, cast("Link", boxed.link("metro"))), name)(**settings) as fault:
            assert word in fault.evidence
        assert fault.healed
        boxed.end()

    def test_a_weak_generator_does_not_show(self, boxed: Testbed) -> None:
        """Keys look as random as ever, so nothing could tell: a skip, and not a fault without evidence."""
        boxed.begin("black box weak generator")
        with pytest.raises(MissingCapabilityError, match="shows neither settings nor raw bits"):
            Chaos(boxed, cast("Link", boxed.link("metro"))).weak_qrng(repeat_ratio=0.2)
        boxed.end()


def test_time_bins_do_not_mind_the_polarisation(tmp_path: Any, write_bench: Callable[..., Any]) -> None:
    """A skip with that reason."""
    file = write_bench(
        tmp_path / "time_bin.toml",
        ("key_basis_probability = 0.83\npilot", 'encoding = "time-bin"\nkey_basis_probability = 0.83\npilot'),
    )
    with Testbed.open(file, seed=3) as testbed:
        testbed.begin("time bins")
        assert cast("TransmitterDevice", testbed.bench.device["alice"]).encoding == "time-bin"
        for name, settings in (("polarisation_drift", {"rotation_rad": 0.4}), ("polarisation_burst", {"burst_s": 0.01})):
            with pytest.raises(MissingCapabilityError, match="encodes in time bins"):
                getattr(Chaos(testbed, cast("Link", testbed.link("metro"))), name)(**settings)
