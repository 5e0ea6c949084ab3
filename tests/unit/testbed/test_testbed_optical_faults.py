"""Faults of light and its sources: who notices them, that zero changes nothing, and what real benches are told."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest

from hil.errors import MissingCapabilityError, ObjectiveMissedError
from hil.testbed.injection.chaos import Chaos
from hil.testbed.slo import Slo
from hil.testbed.testbed import Testbed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hil.ports.run import LinkRun
    from hil.testbed.link import Link

SHELF = Path(__file__).parents[2] / "contract" / "shelf.toml"

ZERO: dict[str, dict[str, Any]] = {
    "macrobend_loss": {"loss_db": 0.0},
    "connector_ageing": {"loss_db": 0.0},
    "free_space_fading": {"fade_db": 0.0},
    "channel_noise": {"launch_power_w": 0.0},
    "intensity_drift": {"drift_db": 0.0},
    "laser_detuning": {"detuning_nm": 0.0},
}
"""Settings of zero of every fault here."""

COUNTS = ("macrobend_loss", {"loss_db": 3.0}), ("connector_ageing", {"loss_db": 1.0}), ("free_space_fading", {"fade_db": 6.0})
COUNTS += (
    ("intensity_drift", {"drift_db": -1.0}),
    ("intensity_drift", {"drift_db": 1.0}),
    ("laser_detuning", {"detuning_nm": 0.3}),
)


@pytest.fixture
def chaos(testbed: Testbed, link: Link) -> Chaos:
    return Chaos(testbed, link)


@pytest.mark.parametrize(("name", "settings"), COUNTS)
def test_photon_counts_notice_light_that_is_not_as_declared(chaos: Chaos, link: Link, name: str, settings: Any) -> None:
    """Counts are as the closed forms have them within a tenth, but not with the fault: 1 dB is a fifth of the light."""
    slo = Slo(link)
    slo.check(link.count_gates("lit", gates=10, gate="10 ms"), "photon_counts")
    with getattr(chaos, name)(**settings), pytest.raises(ObjectiveMissedError, match="than predicted, allowed 10 %"):
        slo.check(link.count_gates("lit", gates=10, gate="10 ms"), "photon_counts")
    slo.check(link.count_gates("lit", gates=10, gate="10 ms"), "photon_counts")


def test_the_qber_notices_traffic_in_the_fibre(chaos: Chaos, link: Link) -> None:
    """100 uW scatter more light than the link carries at 2 %: every other noise click in a basis is an error."""
    slo = Slo(link)
    slo.check(link.run("400 ms"), "qber")
    with chaos.channel_noise(launch_power="100 uW"), pytest.raises(ObjectiveMissedError, match="above the limit of 2 %"):
        slo.check(link.run("400 ms"), "qber")


def test_the_key_rate_notices_a_bend(chaos: Chaos, link: Link) -> None:
    """A link promises 80 % of what its bench file lets expect; 10 dB less light is far from it."""
    with chaos.macrobend_loss(loss="10 dB") as bend:
        run = link.run("400 ms")
    assert bend.healed
    assert all(block.secret_bits == 0 for block in run.blocks)
    with pytest.raises(ObjectiveMissedError):
        Slo(link).check(run, "contract_key_rate")


def _same(testbed: Testbed, *, fault: Callable[[Chaos], Any] | None, start_s: float = 0.0) -> tuple[LinkRun, float]:
    """A run at the same bench time of the same case, with a fault or without."""
    testbed.begin("zero changes nothing")
    link = cast("Link", testbed.link("metro"))
    link.ensure_up()
    with nullcontext() if fault is None else fault(Chaos(testbed, link)):
        testbed.clock.sleep(max(start_s - testbed.now_s(), 0.0))
        run = link.run("200 ms")
    testbed.end()
    return run, run.start_s


@pytest.mark.parametrize("name", ZERO)
def test_zero_changes_nothing(opened: Testbed, name: str) -> None:
    """The same clicks, bits, errors and key to the last one as without the fault, from the same seed."""
    with_it, start_s = _same(opened, fault=lambda chaos: getattr(chaos, name)(**ZERO[name]))
    without, again_s = _same(opened, fault=None, start_s=start_s)
    assert start_s == again_s
    assert all(np.array_equal(with_it.counts[detector], without.counts[detector]) for detector in without.counts)
    (one,), (other,) = with_it.blocks, without.blocks
    for what in ("sifted_key_bits", "test_errors", "key_errors", "secret_bits", "released"):
        assert getattr(one, what) == getattr(other, what), what
    assert other.released


class TestActuators:
    """What really moves where a bench has it."""

    def test_a_bend_moves_the_attenuator(self, chaos: Chaos, link: Link) -> None:
        """3 dB at its operating point, and 2 more."""
        assert link.attenuator is not None
        with chaos.macrobend_loss(loss="2 dB") as bend:
            assert link.attenuator.attenuation_db() == pytest.approx(5.0)
        assert [(undo.device, undo.setting) for undo in bend.undos] == [("voa", "attenuation_db")]
        assert link.attenuator.attenuation_db() == pytest.approx(3.0)

    def test_faults_of_the_laser_move_its_driver(self) -> None:
        """10 mA of threshold, 30 mA at work: 3.01 dB less light are 20 mA, half of what is above; detuned it is its cooler."""
        with Testbed.open(SHELF, seed=3, simulate=True) as testbed:
            testbed.begin("the laser's current")
            link = cast("Link", testbed.link("bench"))
            laser = testbed.device("ldc500")
            with Chaos(testbed, link).intensity_drift(drift_db=-3.0103) as drift:
                assert laser.current_a() == pytest.approx(0.020, abs=1e-5)
            assert drift.healed
            assert laser.current_a() == pytest.approx(0.030, abs=1e-5)
            set_c = laser.setpoint_c()
            with Chaos(testbed, link).laser_detuning(detuning_nm=0.36) as off:
                assert laser.setpoint_c() == pytest.approx(set_c + 4.0, abs=0.06)  # 0.09 nm a kelvin
            assert off.healed
            assert laser.setpoint_c() == pytest.approx(set_c, abs=0.06)


@pytest.fixture(scope="module")
def boxed() -> Iterator[Testbed]:
    with Testbed.open("metro-25km-black-box", seed=3) as testbed:
        yield testbed


@pytest.mark.parametrize(
    ("name", "settings"), [*COUNTS[:1], *COUNTS[3:4], COUNTS[5], ("channel_noise", {"launch_power_w": 1e-4})]
)
def test_a_black_box_shows_it_in_the_counts_it_claims(boxed: Testbed, name: str, settings: dict[str, Any]) -> None:
    """Of whole seconds, and that is enough for light that comes or goes."""
    boxed.begin(f"black box {name}")
    link = cast("Link", boxed.link("metro"))
    with getattr(Chaos(boxed, link), name)(**settings) as fault:
        assert "counts" in fault.evidence
    assert fault.healed
    boxed.end()


def test_real_devices_without_an_actuator_are_a_skip(tmp_path: Path, write_bench: Callable[..., Path]) -> None:
    """A bench whose transmitter is real: each fault that takes a twin says what it would take; nothing is moved."""
    with Testbed.open("metro-25km", seed=1) as lab:
        address = lab._twins.addresses["alice"]  # type: ignore[union-attr]
        table = '[device.alice]\nrole = "transmitter"\n'
        where = f'address = "{address.resource}"\ndata_address = "{address.data_resource}"\n'
        file = write_bench(tmp_path / "mixed.toml", ("simulated = true", "mixed = true"), (table, f"{table}{where}"))
        with Testbed.open(file, seed=1) as testbed:
            chaos = Chaos(testbed, cast("Link", testbed.link("metro")))
            for name, settings in (
                ("channel_noise", {"launch_power_w": 1e-5}),
                ("intensity_drift", {"drift_db": 1.0}),
                ("laser_detuning", {"detuning_nm": 0.3}),
                ("polarisation_drift", {"rotation_rad": 0.3}),
                ("polarisation_burst", {"burst_s": 0.01}),
                ("mode_imbalance", {"offset_db": 1.0}),
                ("basis_bias", {"shift_ratio": -0.1}),
                ("weak_qrng", {"repeat_ratio": 0.1}),
            ):
                with pytest.raises(MissingCapabilityError, match=rf"{name}: (metro|alice) is real, .* it would take"):
                    getattr(chaos, name)(**settings)
