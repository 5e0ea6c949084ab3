"""What keeps faults from hurting a bench: slew, faults an hour, cool-down, abort conditions, and a plan that moves nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hil.bench import shipped
from hil.bench.model import SwitchDevice, TemperatureControllerDevice
from hil.errors import (
    BenchFileError,
    ChaosAbortedError,
    ChaosLimitError,
    DeviceTimeoutError,
    EnvelopeError,
    FaultWithoutEvidenceError,
    MissingCapabilityError,
)
from hil.testbed.injection.chaos import Chaos
from hil.testbed.injection.chaos_limits import ChaosLimits
from hil.testbed.injection.steady_look import SteadyLook
from hil.testbed.injection.trajectory import Leg
from hil.testbed.testbed import Testbed
from hil.units import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.unit.testbed.conftest import Notebook

_STAGE = 'envelope = { setpoint = ["20 degC", "60 degC"] }\nchaos = "allow"'
_SWITCH = 'isolation = "50 dB"\nchaos = "allow"'


@pytest.fixture(scope="module")
def notes() -> list[tuple[str, dict[str, Any]]]:
    return []


@pytest.fixture(scope="module")
def limited(write_bench: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory, notes: list[Any]) -> Iterator[Testbed]:
    """The metro twin, whose stage may drift by 1 K a second and whose switch may be cut three times an hour."""

    class Log:
        def append(self, kind: str, case: str = "", **data: Any) -> None:
            del case
            notes.append((kind, data))

    path = write_bench(
        tmp_path_factory.mktemp("limits") / "limited.toml",
        (_STAGE, f'{_STAGE}\nchaos_slew = {{ setpoint = "1 degC" }}\nchaos_abort = {{ temperature_c = [20.0, 33.0] }}'),
        (_SWITCH, f'{_SWITCH}\nchaos_per_hour = 3\nchaos_cool_down = "30 s"'),
        ('detector_temperature = "-40 degC"', 'detector_temperature = "-40 degC"\nchaos_abort = { counts_hz = [0.0, 4e6] }'),
    )
    log: Any = Log()
    with Testbed.open(path, seed=9, log=log) as opened:
        yield opened


@pytest.fixture
def chaos(limited: Testbed, request: pytest.FixtureRequest, notes: list[Any]) -> Iterator[Chaos]:
    limited.begin(request.node.name)
    notes.clear()
    link: Any = limited.link("metro")
    yield Chaos(limited, link)
    limited.end()


def test_a_look_that_fails_uses_up_no_fault(chaos: Chaos, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power meter that times out while the steady state is looked at: nothing was moved, so nothing counts against limits."""

    def fails(*_args: object, **_named: object) -> None:
        raise DeviceTimeoutError("tap", "no answer")

    monkeypatch.setattr(Chaos, "_of_hardware", lambda *_: True)
    monkeypatch.setattr(SteadyLook, "end", fails)
    for _ in range(4):
        with pytest.raises(DeviceTimeoutError):
            chaos.fiber_cut().__enter__()
    monkeypatch.undo()
    with chaos.fiber_cut() as cut:
        assert cut.state == "in"


class TestSlew:
    """Known before anything moves."""

    def test_a_step_is_too_fast(self, chaos: Chaos) -> None:
        """2 K at once where 1 K a second is allowed."""
        with pytest.raises(ChaosLimitError, match=r"by 2 within a second.*allows 1; nothing was moved.*ramp"):
            chaos.thermal_drift(delta="2 K")
        assert chaos.bench.read("stage", "setpoint_c") == 30.0

    def test_a_slow_ramp_is_not(self, chaos: Chaos) -> None:
        """2 K in 20 steps of 0.1 K, one every 0.5 s: 0.2 K a second."""
        with chaos.thermal_drift(delta="2 K", waveform="ramp 10 s", duration="40 s") as drift:
            chaos.clock.sleep(30.0)
            assert chaos.bench.read("stage", "setpoint_c") == 32.0
        assert drift.healed

    def test_a_fast_ramp_is(self, chaos: Chaos) -> None:
        """2 K in 1.5 s: steps of 0.1 K each 75 ms, so 14 of them in any second."""
        with pytest.raises(ChaosLimitError, match=r"by 1\.1 within a second"):
            chaos.thermal_drift(delta="2 K", waveform="ramp 1.5 s")

    def test_the_end_of_a_ramp_counts(self, chaos: Chaos) -> None:
        """It would be far outside after 19 steps; it is refused before the first."""
        with pytest.raises(EnvelopeError, match=r"setpoint_c to 60\.4 after 57\.6"):
            chaos.thermal_drift(delta="32 K", waveform="ramp 64 s")
        assert chaos.bench.read("stage", "setpoint_c") == 30.0


class TestRates:
    """Cuts an hour, and the rest between two."""

    def test_the_fourth_cut_of_an_hour_is_refused(self, chaos: Chaos) -> None:
        """In bench time: an hour after the first one there is room again."""
        for _ in range(3):
            with chaos.fiber_cut():
                pass
        with pytest.raises(ChaosLimitError, match=r"switch was moved by 3 faults within an hour.*chaos_per_hour = 3"):
            chaos.fiber_cut()
        chaos.clock.sleep(3600.0)
        with chaos.fiber_cut() as cut:
            pass
        assert cut.healed

    def test_with_waits_until_it_is_cool(self, chaos: Chaos) -> None:
        """30 s after the healing of the first one."""
        with chaos.fiber_cut() as first:
            pass
        with chaos.fiber_cut() as second:
            pass
        assert first.window is not None
        assert second.window is not None
        assert second.window.start_s - first.window.end_s >= 30.0

    def test_a_scheduled_one_is_refused(self, chaos: Chaos) -> None:
        """Its time cannot wait."""
        chaos.at("1 s").fiber_cut(duration="2 s")
        late = chaos.at("20 s").fiber_cut(duration="2 s")
        with pytest.raises(ChaosLimitError, match="cools down for 30 s"):
            chaos.clock.sleep(60.0)
        assert late.state == "never"

    def test_hardware_is_remembered(self, tmp_path: Path) -> None:
        """What another run did counts, at the same address and within the hour."""
        switch = SwitchDevice(
            driver="agiltron-ff1x4",
            address="TCPIP::192.0.2.1::5000::SOCKET",
            through_channel=1,
            dark_channel=4,
            chaos_per_hour=1,
        )
        way = (Leg(0.0, "switch", "channel", 1.0, 4.0),)

        def limits(name: str = "switch") -> ChaosLimits:
            return ChaosLimits({name: switch}, {name}, lambda: 0.0, tmp_path)

        limits().check("fiber_cut", way)
        limits().begin(["switch"])
        with pytest.raises(ChaosLimitError, match="switch was moved by 1 faults within an hour"):
            limits().check("fiber_cut", way)
        limits().forget()
        with pytest.raises(ChaosLimitError, match="other was moved by 1 faults"):
            limits("other").check("fiber_cut", (Leg(0.0, "other", "channel", 1.0, 4.0),))

    def test_other_devices_are_not_held_up(self, tmp_path: Path) -> None:
        """A device without limits has no book."""
        stage = TemperatureControllerDevice(
            driver="thorlabs-tc200",
            controls="bob",
            setpoint_c=parse("30 degC", "temperature"),
            time_constant_s=20.0,
            ambient_c=22.0,
        )
        limits = ChaosLimits({"stage": stage}, {"stage"}, lambda: 0.0, tmp_path)
        limits.begin(["stage"])
        limits.check("thermal_drift", (Leg(0.0, "stage", "setpoint_c", 30.0, 50.0),))
        assert not list(tmp_path.iterdir())


class TestAbort:
    """A reading that leaves its interval ends it all."""

    def test_a_stage_too_warm_takes_back_everything(self, chaos: Chaos, notes: list[tuple[str, dict[str, Any]]]) -> None:
        """The drift of 4 K passes 33 degC; the cut that is in as well is healed with it."""
        with (
            pytest.raises(ChaosAbortedError, match=r"stage: temperature_c is 33\.\d+, outside the 20 to 33"),
            chaos.thermal_drift(delta="4 K", waveform="ramp 8 s") as drift,
            chaos.fiber_cut() as cut,
        ):
            chaos.clock.sleep(600.0)
        assert drift.healed
        assert cut.healed
        assert chaos.bench.read("stage", "setpoint_c") == 30.0
        assert chaos.bench.read("switch", "channel") == 1.0
        assert any("chaos aborted: stage" in data["text"] for kind, data in notes if kind == "note")

    def test_it_heals_before_anybody_is_told(self, chaos: Chaos) -> None:
        """A test that takes the error and goes on has a bench that is whole: nobody has to leave a block for that."""
        with chaos.thermal_drift(delta="4 K", waveform="ramp 8 s") as drift, chaos.fiber_cut() as cut:
            with pytest.raises(ChaosAbortedError):
                chaos.clock.sleep(600.0)
            assert drift.healed
            assert cut.healed
            assert chaos.bench.read("stage", "setpoint_c") == 30.0
            assert chaos.bench.read("switch", "channel") == 1.0

    def test_too_many_counts(self, chaos: Chaos) -> None:
        """3.05 million clicks a second are fine; half a million more in each detector are not."""
        with pytest.raises(ChaosAbortedError, match=r"bob: \d+ clicks in 1 s are"), chaos.dark_count_spike(rate="600 kHz"):
            chaos.clock.sleep(10.0)
        assert chaos.bench.read("bob", "z0.dark_count_rate_hz") < 1e5

    def test_inside_nothing_happens(self, chaos: Chaos) -> None:
        """And nobody looks once the last fault is gone."""
        with chaos.thermal_drift(delta="2 K", waveform="ramp 10 s"):
            chaos.clock.sleep(120.0)
        chaos.link.testbed.control.inject("bob", "dark_count_rate_hz", 1e6)
        chaos.clock.sleep(10.0)


class TestBenchFile:
    """Mistakes are told with what was expected."""

    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            ("chaos_per_hour = 0", "chaos_per_hour"),
            ('chaos_slew = { setpoint = "0 degC" }', "the most it may change in a second, above 0"),
            ('chaos_slew = { attenuation = "1 dB" }', "setpoint"),
            ("chaos_abort = { temperature_c = [33.0, 20.0] }", "two numbers, the lower first"),
            ("chaos_abort = { temprature_c = [20.0, 33.0] }", "temperature_c"),
            ('chaos_cool_down = "30 dB"', "s"),
        ],
    )
    def test_said(self, write_bench: Callable[..., Path], tmp_path: Path, line: str, expected: str) -> None:
        """Key by key."""
        path = write_bench(tmp_path / "wrong.toml", (_STAGE, f"{_STAGE}\n{line}"))
        with pytest.raises(BenchFileError) as refused:
            Testbed.open(path, seed=1)
        assert line.split(maxsplit=1)[0] in str(refused.value)
        assert expected in str(refused.value)


def real_bench(path: Path, *changes: tuple[str, str]) -> Path:
    """The metro bench with an address for each device, at which nobody answers."""
    lines = shipped()["metro-25km"].read_text(encoding="utf-8").replace("simulated = true\n", "").splitlines()
    kme = {"ca_file": "ca.pem", "certificate_file": "sae.pem", "private_key_file": "sae.key"}
    written, number = [], 0
    for line in lines:
        written.append(line)
        if line.startswith("driver = "):
            number += 1
            web = "etsi014" in line
            at = f"https://127.0.0.1:{5000 + number}" if web else f"TCPIP::192.0.2.1::{5000 + number}::SOCKET"
            written.append(f'address = "{at}"')
            if web:
                written += [f'{key} = "{file}"' for key, file in kme.items()]
    text = "\n".join(written) + "\n"
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    return path


class TestPlan:
    """Rehearsed under the rules of the real bench."""

    @pytest.fixture
    def rehearsal(self, tmp_path: Path, fresh_notebook: Notebook) -> Iterator[Testbed]:
        path = real_bench(tmp_path / "rack.toml", (_SWITCH, 'isolation = "50 dB"'))
        log: Any = fresh_notebook
        with Testbed.open(path, seed=4, log=log, rehearse=True) as opened:
            opened.begin("test_plan")
            yield opened

    def test_what_where_when_and_how_far(self, rehearsal: Testbed, fresh_notebook: Notebook) -> None:
        """A drift of the stage is a row; the address at which nobody answers was never opened."""
        link: Any = rehearsal.link("metro")
        chaos = Chaos(rehearsal, link)
        assert rehearsal.guardian is None
        chaos.at("5 s").thermal_drift(delta="2 K", waveform="ramp 10 s", duration="60 s")
        chaos.clock.sleep(200.0)
        rehearsal.end()
        (table,) = fresh_notebook.of("table")
        assert "Chaos plan of test_plan" in table["title"]
        (row,) = table["rows"]
        begin_s = float(row[0].removesuffix(" s"))
        assert row[1] == "thermal_drift delta 2 K, ramp 10 s"
        assert row[2:] == ("stage setpoint_c", "30", "32", "20 moves, 9.5 s", f"{begin_s + 60.0:.6g} s", "hardware")
        assert "no real device was opened or moved" in table["sentences"][0]

    def test_what_the_real_bench_would_not_do_is_a_skip(self, rehearsal: Testbed) -> None:
        """The switch's table does not allow it, and no hardware gets noisy on command."""
        link: Any = rehearsal.link("metro")
        chaos = Chaos(rehearsal, link)
        with pytest.raises(MissingCapabilityError, match=r'\[device\.switch\] does not say chaos = "allow"'):
            chaos.fiber_cut()
        with pytest.raises(MissingCapabilityError, match="no command makes it so"):
            chaos.dark_count_spike(rate="5 kHz")


def test_a_fault_without_evidence_still_counts(chaos: Chaos) -> None:
    """It moved the switch, and that is what wears it out."""
    chaos.link.testbed.control.inject("switch", "isolation_db", 0.0)
    with pytest.raises(FaultWithoutEvidenceError), chaos.fiber_cut():
        pass
    limits = chaos.link.testbed.chaos_limits
    assert limits.ready_in_s(["switch"]) > 0.0
