"""Every shipped fault keeps the fault contract, on the twin of the metro link.

Where a fault takes each setting (``stands``) is worked out by hand: from the bench file of metro-25km (3 dB, 60 cps, 50 ns,
20 % and so on), and from what docs/reference/faults.md says that its settings mean.
"""

from __future__ import annotations

import math
import pkgutil
from typing import TYPE_CHECKING, Any, ClassVar, cast

import pytest

from hil import faults
from hil.bench import shipped
from hil.faults import (
    afterpulsing,
    basis_bias,
    blinding,
    certificate_expired,
    channel_noise,
    classical_bandwidth,
    classical_corruption,
    classical_latency,
    classical_loss,
    classical_partition,
    classical_reflection,
    classical_reorder,
    classical_replay,
    classical_reset,
    classical_slicing,
    clock_drift,
    connector_ageing,
    counter_rollover,
    dark_count_spike,
    dead_time_growth,
    detector_ageing,
    efficiency_loss,
    fiber_cut,
    firmware_mismatch,
    free_space_fading,
    intensity_drift,
    intercept_resend,
    kme_clock_wrong,
    kme_down,
    kme_full,
    kme_rate_limited,
    kme_slow,
    laser_detuning,
    latching,
    macrobend_loss,
    misalignment,
    mode_imbalance,
    photon_number_splitting,
    polarisation_burst,
    polarisation_drift,
    reboot_mid_block,
    saturation,
    sync_loss,
    temperature_excursion,
    thermal_drift,
    time_shift,
    timing_jitter,
    weak_qrng,
    wrong_peer,
)
from hil.suites.contracts.fault_contract import FaultContract
from hil.testbed.delivery import KeyDelivery
from hil.testbed.injection.chaos import Chaos
from hil.testbed.testbed import Testbed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hil.ports.spec import FaultSpec
    from hil.testbed.link import Link


@pytest.fixture(scope="module")
def testbed() -> Iterator[Testbed]:
    with Testbed.open("metro-25km", seed=20) as opened:
        yield opened


Stands = dict[tuple[str, str], float] | None


def of_every_detector(parameter: str, value: float) -> dict[tuple[str, str], float]:
    """Of bob's, which are all alike."""
    return {("bob", f"{name}.{parameter}"): value for name in ("z0", "z1", "x0", "x1")}


class OnTheTwin(FaultContract):
    """Each check is a case of its own on one twin."""

    @pytest.fixture
    def chaos(self, testbed: Testbed, request: pytest.FixtureRequest) -> Iterator[Chaos]:
        testbed.begin(request.node.name)
        yield Chaos(testbed, testbed.link("metro"))
        testbed.end()


class TestFiberCut(OnTheTwin):
    """The switch to its dark channel."""

    stands: ClassVar[Stands] = {("switch", "channel"): 4.0}

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return fiber_cut.SPEC


class TestThermalDrift(OnTheTwin):
    """The set point by 2 K."""

    arguments: ClassVar[dict[str, Any]] = {"delta": "2 K"}
    zero: ClassVar[dict[str, Any] | None] = {"delta_k": 0.0}
    beyond: ClassVar[dict[str, Any] | None] = {"delta_k": 35.0}  # 30 + 35 degC, above the envelope's 60 degC
    stands: ClassVar[Stands] = {("stage", "setpoint_c"): 32.0}

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return thermal_drift.SPEC


class TestDarkCountSpike(OnTheTwin):
    """20 kHz more in every detector."""

    arguments: ClassVar[dict[str, Any]] = {"rate": "20 kHz"}
    zero: ClassVar[dict[str, Any] | None] = {"rate_hz": 0.0}
    beyond: ClassVar[dict[str, Any] | None] = {"rate_hz": -1.0}
    stands: ClassVar[Stands] = of_every_detector("dark_count_rate_hz", 20_060.0)

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return dark_count_spike.SPEC


class TestMacrobendLoss(OnTheTwin):
    """3 dB in the attenuator."""

    arguments: ClassVar[dict[str, Any]] = {"loss": "3 dB"}
    zero: ClassVar[dict[str, Any] | None] = {"loss_db": 0.0}
    beyond: ClassVar[dict[str, Any] | None] = {"loss_db": 58.0}  # 3 + 58 dB, above the envelope's 60 dB
    stands: ClassVar[Stands] = {("voa", "attenuation_db"): 6.0}

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return macrobend_loss.SPEC


class TestConnectorAgeing(OnTheTwin):
    """1 dB in the attenuator."""

    arguments: ClassVar[dict[str, Any]] = {"loss": "1 dB"}
    zero: ClassVar[dict[str, Any] | None] = {"loss_db": 0.0}
    beyond: ClassVar[dict[str, Any] | None] = {"loss_db": -1.0}
    stands: ClassVar[Stands] = {("voa", "attenuation_db"): 4.0}

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return connector_ageing.SPEC


class TestFreeSpaceFading(OnTheTwin):
    """10 dB in the attenuator."""

    arguments: ClassVar[dict[str, Any]] = {"fade": "10 dB"}
    zero: ClassVar[dict[str, Any] | None] = {"fade_db": 0.0}
    beyond: ClassVar[dict[str, Any] | None] = {"fade_db": 58.0}
    stands: ClassVar[Stands] = {("voa", "attenuation_db"): 13.0}

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return free_space_fading.SPEC


class TestChannelNoise(OnTheTwin):
    """20 uW of traffic."""

    arguments: ClassVar[dict[str, Any]] = {"launch_power": "20 uW"}
    zero: ClassVar[dict[str, Any] | None] = {"launch_power_w": 0.0}
    beyond: ClassVar[dict[str, Any] | None] = {"launch_power_w": -1e-6}
    stands: ClassVar[Stands] = {("metro", "launch_power_w"): 2e-5}

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return channel_noise.SPEC


class TestIntensityDrift(OnTheTwin):
    """1 dB less light."""

    arguments: ClassVar[dict[str, Any]] = {"drift_db": -1.0}
    zero: ClassVar[dict[str, Any] | None] = {"drift_db": 0.0}
    beyond: ClassVar[dict[str, Any] | None] = {"drift_db": 30.0}
    stands: ClassVar[Stands] = {("alice", f"{number}.intensity_scale"): 10**-0.1 for number in range(3)}

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return intensity_drift.SPEC


class TestLaserDetuning(OnTheTwin):
    """0.3 nm."""

    arguments: ClassVar[dict[str, Any]] = {"detuning_nm": 0.3}
    zero: ClassVar[dict[str, Any] | None] = {"detuning_nm": 0.0}
    beyond: ClassVar[dict[str, Any] | None] = {"detuning_nm": 3.0}
    stands: ClassVar[Stands] = {("alice", "detuning_nm"): 0.3}

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return laser_detuning.SPEC


class TestEfficiencyLoss(OnTheTwin):
    """A third of it, in every detector."""

    arguments: ClassVar[dict[str, Any]] = {"loss_ratio": 0.3}
    zero: ClassVar[dict[str, Any] | None] = {"loss_ratio": 0.0}
    beyond: ClassVar[dict[str, Any] | None] = {"loss_ratio": 1.01}
    stands: ClassVar[Stands] = of_every_detector("efficiency", 0.7 * 0.2)

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return efficiency_loss.SPEC


class TestAfterpulsing(OnTheTwin):
    """Five more in a hundred."""

    arguments: ClassVar[dict[str, Any]] = {"added_ratio": 0.05}
    zero: ClassVar[dict[str, Any] | None] = {"added_ratio": 0.0, "decay_s": 2e-6}
    beyond: ClassVar[dict[str, Any] | None] = {"added_ratio": 0.6}
    stands: ClassVar[Stands] = of_every_detector("afterpulse_probability", 0.06)

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return afterpulsing.SPEC


class TestDeadTimeGrowth(OnTheTwin):
    """A microsecond more."""

    arguments: ClassVar[dict[str, Any]] = {"added": "1 us"}
    zero: ClassVar[dict[str, Any] | None] = {"added_s": 0.0}
    beyond: ClassVar[dict[str, Any] | None] = {"added_s": -1e-9}
    stands: ClassVar[Stands] = of_every_detector("dead_time_s", 1.05e-6)

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return dead_time_growth.SPEC


class TestMisalignment(OnTheTwin):
    """2 % more."""

    arguments: ClassVar[dict[str, Any]] = {"added_ratio": 0.02}
    zero: ClassVar[dict[str, Any] | None] = {"added_ratio": 0.0}
    beyond: ClassVar[dict[str, Any] | None] = {"added_ratio": 0.6}
    stands: ClassVar[Stands] = {("bob", "misalignment"): 0.028}

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return misalignment.SPEC


class TestPolarisationDrift(OnTheTwin):
    """To 0.4 rad: 4 % of errors."""

    arguments: ClassVar[dict[str, Any]] = {"rotation_rad": 0.4}
    zero: ClassVar[dict[str, Any] | None] = {"rotation_rad": 0.0}
    beyond: ClassVar[dict[str, Any] | None] = {"rotation_rad": 4.0}
    stands: ClassVar[Stands] = {("metro", "rotation_rad"): 0.4}

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return polarisation_drift.SPEC


class TestPolarisationBurst(OnTheTwin):
    """4 ms in every 20 ms."""

    arguments: ClassVar[dict[str, Any]] = {"burst": "4 ms", "every": "20 ms"}
    zero: ClassVar[dict[str, Any] | None] = {"burst_s": 0.0}
    beyond: ClassVar[dict[str, Any] | None] = {"burst_s": 0.2}
    stands: ClassVar[Stands] = {
        ("metro", "burst_rate_rad_per_s"): 2.0 * math.pi * 1000.0,
        ("metro", "burst_every_s"): 0.02,
        ("metro", "burst_s"): 0.004,
    }

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return polarisation_burst.SPEC


class TestModeImbalance(OnTheTwin):
    """A decoy 2 dB too bright."""

    arguments: ClassVar[dict[str, Any]] = {"offset_db": 2.0, "intensity_number": 1}
    zero: ClassVar[dict[str, Any] | None] = {"offset_db": 0.0}
    beyond: ClassVar[dict[str, Any] | None] = {"offset_db": 1.0, "intensity_number": 3}
    stands: ClassVar[Stands] = {("alice", "1.intensity_scale"): 10**0.2}

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return mode_imbalance.SPEC


class TestBasisBias(OnTheTwin):
    """73 % instead of 83 %."""

    arguments: ClassVar[dict[str, Any]] = {"shift_ratio": -0.1}
    zero: ClassVar[dict[str, Any] | None] = {"shift_ratio": 0.0}
    beyond: ClassVar[dict[str, Any] | None] = {"shift_ratio": 1.0}
    stands: ClassVar[Stands] = {("alice", "key_basis_probability"): 0.73}

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return basis_bias.SPEC


class TestWeakQrng(OnTheTwin):
    """A fifth of the settings."""

    arguments: ClassVar[dict[str, Any]] = {"repeat_ratio": 0.2}
    zero: ClassVar[dict[str, Any] | None] = {"repeat_ratio": 0.0}
    beyond: ClassVar[dict[str, Any] | None] = {"repeat_ratio": 1.0}
    stands: ClassVar[Stands] = {("alice", "repeat_probability"): 0.2}

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return weak_qrng.SPEC


class TestLatching(OnTheTwin):
    """Within 200 ns, for 10 ms."""

    arguments: ClassVar[dict[str, Any]] = {"within": "200 ns", "silent": "10 ms"}
    zero: ClassVar[dict[str, Any] | None] = {"within_s": 0.0}
    beyond: ClassVar[dict[str, Any] | None] = {"silent_s": -1.0}
    stands: ClassVar[Stands] = {("bob", "latch_rate_hz"): 5e6, ("bob", "latch_reset_s"): 0.01}

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return latching.SPEC


class TestSaturation(OnTheTwin):
    """10 dB more light: 3 dB of the attenuator, 7 dB of the transmitter."""

    arguments: ClassVar[dict[str, Any]] = {"gain": "10 dB"}
    zero: ClassVar[dict[str, Any] | None] = {"gain_db": 0.0}
    beyond: ClassVar[dict[str, Any] | None] = {"gain_db": 61.0}
    stands: ClassVar[Stands] = {("voa", "attenuation_db"): 0.0, ("alice", "intensity_scale"): 10**0.7}

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return saturation.SPEC


class TestBlinding(OnTheTwin):
    """20 mW behind the fibre."""

    arguments: ClassVar[dict[str, Any]] = {"power": "20 mW"}
    zero: ClassVar[dict[str, Any] | None] = {"power_w": 0.0}
    beyond: ClassVar[dict[str, Any] | None] = {"power_w": 1e-3}
    stands: ClassVar[Stands] = {("metro", "blinding_power_w"): 0.02}

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return blinding.SPEC


class TestTemperatureExcursion(OnTheTwin):
    """A failed cooler: from -40 degC to room temperature."""

    arguments: ClassVar[dict[str, Any]] = {"delta": "62 K"}
    zero: ClassVar[dict[str, Any] | None] = {"delta_k": 0.0}
    beyond: ClassVar[dict[str, Any] | None] = {"delta_k": 500.0}
    stands: ClassVar[Stands] = {("bob", "detector_temperature_c"): 22.0}

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return temperature_excursion.SPEC


class TestDetectorAgeing(OnTheTwin):
    """Three years: 23 % of the efficiency."""

    arguments: ClassVar[dict[str, Any]] = {"age": "1095 d"}
    zero: ClassVar[dict[str, Any] | None] = {"age_s": 0.0}
    beyond: ClassVar[dict[str, Any] | None] = {"age_s": -1.0}
    stands: ClassVar[Stands] = {
        **of_every_detector("efficiency", 0.2 * 0.99**26.28),  # 1 % less in each of 26.28 times 1000 h
        **of_every_detector("dark_count_rate_hz", 60.0 * 1.1**26.28),
    }

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return detector_ageing.SPEC


class TestTimingJitter(OnTheTwin):
    """300 ps, of slots of 1 ns."""

    arguments: ClassVar[dict[str, Any]] = {"sigma": "300 ps"}
    zero: ClassVar[dict[str, Any] | None] = {"sigma_s": 0.0}
    beyond: ClassVar[dict[str, Any] | None] = {"sigma_s": 1.0}
    stands: ClassVar[Stands] = {("bob", "jitter_sigma_s"): 3e-10}

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return timing_jitter.SPEC


class TestSyncLoss(OnTheTwin):
    """Of pulses that electronics assign."""

    stands: ClassVar[Stands] = {("bob", "sync_signal"): 0.0}

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return sync_loss.SPEC


@pytest.fixture(scope="module")
def tagged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Testbed]:
    """The same link with a receiver that tells times."""
    text = shipped()["metro-25km"].read_text(encoding="utf-8")
    temperature = 'detector_temperature = "-40 degC"\n'
    assert temperature in text
    file = tmp_path_factory.mktemp("tagged") / "tagged.toml"
    file.write_text(text.replace(temperature, f'{temperature}timing = "tags"\njitter_sigma = "50 ps"\n'), encoding="utf-8")
    with Testbed.open(file, seed=20) as opened:
        yield opened


class WithTags(OnTheTwin):
    """Each check has a receiver with a clock of its own."""

    @pytest.fixture
    def chaos(self, tagged: Testbed, request: pytest.FixtureRequest) -> Iterator[Chaos]:
        tagged.begin(request.node.name)
        yield Chaos(tagged, cast("Link", tagged.link("metro")))
        tagged.end()


class TestClockDrift(WithTags):
    """20 ppm."""

    arguments: ClassVar[dict[str, Any]] = {"rate_ppm": 20.0}
    zero: ClassVar[dict[str, Any] | None] = {"rate_ppm": 0.0}
    beyond: ClassVar[dict[str, Any] | None] = {"rate_ppm": 2000.0}
    stands: ClassVar[Stands] = {("bob", "clock_error_ppm"): 20.0}

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return clock_drift.SPEC


class WithKeys(OnTheTwin):
    """Each check has key management entities whose certificates can be changed."""

    @pytest.fixture
    def chaos(self, testbed: Testbed, request: pytest.FixtureRequest) -> Iterator[Chaos]:
        testbed.begin(request.node.name)
        link = testbed.link("metro")
        KeyDelivery(cast("Link", link))
        yield Chaos(testbed, cast("Link", link))
        testbed.end()


class TestClassicalLatency(OnTheTwin):
    """20 ms each way, give or take 5."""

    arguments: ClassVar[dict[str, Any]] = {"latency": "20 ms", "jitter": "5 ms"}
    zero: ClassVar[dict[str, Any] | None] = {"latency_s": 0.0}
    beyond: ClassVar[dict[str, Any] | None] = {"latency_s": 0.01, "jitter_s": 0.02}
    stands: ClassVar[Stands] = {("metro.classical", "latency_s"): 0.02, ("metro.classical", "jitter_s"): 0.005}

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return classical_latency.SPEC


class TestClassicalLoss(OnTheTwin):
    """A tenth of the messages."""

    arguments: ClassVar[dict[str, Any]] = {"loss": "10 %"}
    zero: ClassVar[dict[str, Any] | None] = {"loss_ratio": 0.0}
    beyond: ClassVar[dict[str, Any] | None] = {"loss_ratio": 1.5}
    stands: ClassVar[Stands] = {("metro.classical", "loss_ratio"): 0.1}

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return classical_loss.SPEC


class TestClassicalBandwidth(OnTheTwin):
    """1 Mbit/s."""

    arguments: ClassVar[dict[str, Any]] = {"rate": "1 Mbit/s"}
    zero: ClassVar[dict[str, Any] | None] = {"rate_bps": 0.0}
    beyond: ClassVar[dict[str, Any] | None] = {"rate_bps": -1.0}
    stands: ClassVar[Stands] = {("metro.classical", "rate_bps"): 1e6}

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return classical_bandwidth.SPEC


class TestClassicalPartition(OnTheTwin):
    """One way."""

    arguments: ClassVar[dict[str, Any]] = {"cut_way": "b->a"}
    beyond: ClassVar[dict[str, Any] | None] = {"cut_way": "sideways"}
    stands: ClassVar[Stands] = {("metro.classical", "cut_b_to_a"): 1.0}

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return classical_partition.SPEC


class TestClassicalReset(OnTheTwin):
    """Every connection."""

    stands: ClassVar[Stands] = {("metro.classical", "reset"): 1.0}

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return classical_reset.SPEC


class TestClassicalSlicing(OnTheTwin):
    """500 bytes every millisecond."""

    arguments: ClassVar[dict[str, Any]] = {"slice_bytes": 500, "delay": "1 ms"}
    zero: ClassVar[dict[str, Any] | None] = {"slice_bytes": 0}
    beyond: ClassVar[dict[str, Any] | None] = {"slice_bytes": -5}
    stands: ClassVar[Stands] = {("metro.classical", "slice_bytes"): 500.0, ("metro.classical", "slice_delay_s"): 0.001}

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return classical_slicing.SPEC


class TestClassicalCorruption(OnTheTwin):
    """One bit in a thousand."""

    arguments: ClassVar[dict[str, Any]] = {"bit_error_ratio": 1e-3}
    zero: ClassVar[dict[str, Any] | None] = {"bit_error_ratio": 0.0}
    beyond: ClassVar[dict[str, Any] | None] = {"bit_error_ratio": 2.0}
    stands: ClassVar[Stands] = {("metro.classical", "bit_error_ratio"): 1e-3}

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return classical_corruption.SPEC


class TestClassicalReplay(OnTheTwin):
    """A tenth of the messages."""

    arguments: ClassVar[dict[str, Any]] = {"replay": "10 %"}
    zero: ClassVar[dict[str, Any] | None] = {"replay_ratio": 0.0}
    beyond: ClassVar[dict[str, Any] | None] = {"replay_ratio": 2.0}
    stands: ClassVar[Stands] = {("metro.classical", "replay_ratio"): 0.1}

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return classical_replay.SPEC


class TestClassicalReorder(OnTheTwin):
    """A tenth of the messages."""

    arguments: ClassVar[dict[str, Any]] = {"reorder_ratio": "10 %"}
    zero: ClassVar[dict[str, Any] | None] = {"reorder_ratio": 0.0}
    beyond: ClassVar[dict[str, Any] | None] = {"reorder_ratio": 2.0}
    stands: ClassVar[Stands] = {("metro.classical", "reorder_a_to_b"): 0.1}

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return classical_reorder.SPEC


class TestClassicalReflection(OnTheTwin):
    """A tenth of the messages."""

    arguments: ClassVar[dict[str, Any]] = {"reflect": "10 %"}
    zero: ClassVar[dict[str, Any] | None] = {"reflect_ratio": 0.0}
    beyond: ClassVar[dict[str, Any] | None] = {"reflect_ratio": 2.0}
    stands: ClassVar[Stands] = {("metro.classical", "reflect_ratio"): 0.1}

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return classical_reflection.SPEC


class TestCertificateExpired(WithKeys):
    """Of Alice's entity."""

    stands: ClassVar[Stands] = {("kme_a.classical", "certificate_expired"): 1.0}

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return certificate_expired.SPEC


class TestWrongPeer(WithKeys):
    """At Alice's entity."""

    stands: ClassVar[Stands] = {("kme_a.classical", "wrong_peer"): 1.0}

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return wrong_peer.SPEC


class TestInterceptResend(OnTheTwin):
    """Every second pulse."""

    arguments: ClassVar[dict[str, Any]] = {"intercept": "50 %"}
    zero: ClassVar[dict[str, Any] | None] = {"intercept_ratio": 0.0}
    beyond: ClassVar[dict[str, Any] | None] = {"intercept_ratio": 1.01}
    stands: ClassVar[Stands] = {("metro", "intercept_fraction"): 0.5}

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return intercept_resend.SPEC


class TestPhotonNumberSplitting(OnTheTwin):
    """Of every pulse."""

    arguments: ClassVar[dict[str, Any]] = {"split_ratio": 1.0}
    zero: ClassVar[dict[str, Any] | None] = {"split_ratio": 0.0}
    beyond: ClassVar[dict[str, Any] | None] = {"split_ratio": -0.1}
    stands: ClassVar[Stands] = {("metro", "splitting_fraction"): 1.0}

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return photon_number_splitting.SPEC


class TestTimeShift(OnTheTwin):
    """To less than two thirds of the efficiency."""

    arguments: ClassVar[dict[str, Any]] = {"shift": "200 ps"}
    zero: ClassVar[dict[str, Any] | None] = {"shift_s": 0.0}
    beyond: ClassVar[dict[str, Any] | None] = {"shift_s": 1e-7}
    stands: ClassVar[Stands] = {("metro", "time_shift_s"): 2e-10}

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return time_shift.SPEC


class TestKmeDown(WithKeys):
    """Alice's entity."""

    stands: ClassVar[Stands] = {("kme_a.classical", "kme_down"): 1.0}

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return kme_down.SPEC


class TestKmeSlow(WithKeys):
    """By 50 ms."""

    arguments: ClassVar[dict[str, Any]] = {"delay": "50 ms"}
    zero: ClassVar[dict[str, Any] | None] = {"delay_s": 0.0}
    beyond: ClassVar[dict[str, Any] | None] = {"delay_s": -1.0}
    stands: ClassVar[Stands] = {("kme_a.classical", "kme_delay_s"): 0.05}

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return kme_slow.SPEC


class TestKmeFull(WithKeys):
    """Three quarters of it."""

    arguments: ClassVar[dict[str, Any]] = {"fill": "75 %"}
    zero: ClassVar[dict[str, Any] | None] = {"fill_ratio": 0.0}
    beyond: ClassVar[dict[str, Any] | None] = {"fill_ratio": 1.5}
    stands: ClassVar[Stands] = {("kme_a.classical", "kme_fill_ratio"): 0.75}

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return kme_full.SPEC


class TestKmeRateLimited(WithKeys):
    """Two requests a second."""

    arguments: ClassVar[dict[str, Any]] = {"rate": "2 Hz"}
    zero: ClassVar[dict[str, Any] | None] = {"rate_hz": 0.0}
    beyond: ClassVar[dict[str, Any] | None] = {"rate_hz": -1.0}
    stands: ClassVar[Stands] = {("kme_a.classical", "kme_rate_hz"): 2.0}

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return kme_rate_limited.SPEC


class TestKmeClockWrong(WithKeys):
    """Three days behind, when no certificate was valid yet."""

    arguments: ClassVar[dict[str, Any]] = {"offset": "3 d"}
    zero: ClassVar[dict[str, Any] | None] = {"offset_s": 0.0}
    beyond: ClassVar[dict[str, Any] | None] = {"offset_s": 2e9}
    stands: ClassVar[Stands] = {("kme_a.classical", "kme_clock_offset_s"): -3.0 * 86_400.0}

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return kme_clock_wrong.SPEC


class TestFirmwareMismatch(OnTheTwin):
    """Of the receiver."""

    arguments: ClassVar[dict[str, Any]] = {"firmware_version": "3.1.4"}
    zero: ClassVar[dict[str, Any] | None] = {"firmware_version": ""}
    beyond: ClassVar[dict[str, Any] | None] = {"firmware_version": "the new one"}
    stands: ClassVar[Stands] = {("bob", "firmware_code"): 3_001_004.0}

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return firmware_mismatch.SPEC


class TestCounterRollover(OnTheTwin):
    """At 32 bits."""

    zero: ClassVar[dict[str, Any] | None] = {"width_bits": 0}
    beyond: ClassVar[dict[str, Any] | None] = {"width_bits": 4}
    stands: ClassVar[Stands] = {("bob", "counter_bits"): 32.0}

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return counter_rollover.SPEC


class TestRebootMidBlock(OnTheTwin):
    """Of the receiver."""

    stands: ClassVar[Stands] = {("bob", "power_on"): 0.0}

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return reboot_mid_block.SPEC


def test_every_shipped_fault_is_bound() -> None:
    """A new fault without its contract fails here."""
    shipped = {module.name.replace("_", "-") for module in pkgutil.iter_modules(faults.__path__) if module.name[0] != "_"}
    bound = {
        afterpulsing.SPEC.name,
        basis_bias.SPEC.name,
        latching.SPEC.name,
        saturation.SPEC.name,
        blinding.SPEC.name,
        temperature_excursion.SPEC.name,
        detector_ageing.SPEC.name,
        timing_jitter.SPEC.name,
        sync_loss.SPEC.name,
        clock_drift.SPEC.name,
        certificate_expired.SPEC.name,
        channel_noise.SPEC.name,
        classical_bandwidth.SPEC.name,
        classical_corruption.SPEC.name,
        classical_latency.SPEC.name,
        classical_loss.SPEC.name,
        classical_partition.SPEC.name,
        classical_reflection.SPEC.name,
        classical_reorder.SPEC.name,
        classical_replay.SPEC.name,
        classical_reset.SPEC.name,
        classical_slicing.SPEC.name,
        connector_ageing.SPEC.name,
        dark_count_spike.SPEC.name,
        dead_time_growth.SPEC.name,
        efficiency_loss.SPEC.name,
        fiber_cut.SPEC.name,
        counter_rollover.SPEC.name,
        firmware_mismatch.SPEC.name,
        free_space_fading.SPEC.name,
        intensity_drift.SPEC.name,
        laser_detuning.SPEC.name,
        macrobend_loss.SPEC.name,
        misalignment.SPEC.name,
        mode_imbalance.SPEC.name,
        polarisation_burst.SPEC.name,
        polarisation_drift.SPEC.name,
        intercept_resend.SPEC.name,
        reboot_mid_block.SPEC.name,
        kme_clock_wrong.SPEC.name,
        kme_down.SPEC.name,
        kme_full.SPEC.name,
        kme_rate_limited.SPEC.name,
        kme_slow.SPEC.name,
        photon_number_splitting.SPEC.name,
        thermal_drift.SPEC.name,
        weak_qrng.SPEC.name,
        time_shift.SPEC.name,
        wrong_peer.SPEC.name,
    }
    assert shipped == bound


def test_how_far_each_fault_goes_is_worked_out() -> None:
    """One without would pass at half of what was asked for, as evidence is tolerant."""
    cases = [case for name, case in globals().items() if name.startswith("Test") and issubclass(case, FaultContract)]
    assert [case.__name__ for case in cases if case.stands is None] == []
