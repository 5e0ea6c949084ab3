"""The optical interlock: what it lets through and what not, by powers worked out here by hand."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from hil.bench import load, shipped
from hil.errors import DeviceTimeoutError, EnvelopeError, HealingError, InterlockError
from hil.testbed.injection.chaos import Chaos
from hil.testbed.interlock import Interlock
from hil.testbed.testbed import Testbed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hil.testbed.link import Link

FIXED_DB = 5.0 + 0.7 + 0.5 + 3.81
"""Of metro-25km, as its file says: fibre, switch, tap, receiver optics; without the attenuator."""
SHELF = Path(__file__).parents[2] / "contract" / "shelf.toml"
BRIGHT_W = 0.1
"""20 dBm of pilot light; the signal, 70 pW of it, is nothing beside it."""


def at_detector_w(attenuation_db: float, sent_w: float = BRIGHT_W) -> float:
    return float(sent_w * 10.0 ** (-(FIXED_DB + attenuation_db) / 10.0))


def test_the_limit_lies_where_it_should() -> None:
    """10 mW at the detectors without attenuation; 1 mW needs just under 10 dB more."""
    assert at_detector_w(0.0) == pytest.approx(9.98e-3, rel=1e-3)
    assert at_detector_w(9.9) > 1e-3 > at_detector_w(10.1)


@pytest.fixture(scope="module")
def bright_file(write_bench: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The metro link with light that would harm its detectors at less than 10 dB of attenuation; 30 dB is where it works."""
    return write_bench(
        tmp_path_factory.mktemp("bright") / "bright.toml",
        ('pilot_power = "-20 dBm"', 'pilot_power = "20 dBm"'),
        ('attenuation = "3 dB"', 'attenuation = "30 dB"'),
    )


@pytest.fixture(scope="module")
def opened_bright(bright_file: Path) -> Iterator[Testbed]:
    with Testbed.open(bright_file, seed=5) as testbed:
        yield testbed


@pytest.fixture
def bright(opened_bright: Testbed, request: pytest.FixtureRequest) -> Iterator[Testbed]:
    opened_bright.begin(request.node.name)
    yield opened_bright
    opened_bright.end()


def asked(testbed: Testbed, name: str) -> Any:
    return testbed.devices[name]


class TestOnABench:
    """Drivers as a test gets them, from the bench or past it."""

    def test_less_attenuation_is_refused_while_light_is_on(self, bright: Testbed) -> None:
        """What, which detector, how many watts, which limit; the attenuator stands where it stood."""
        bright.link("metro").up()  # type: ignore[union-attr]
        voa = asked(bright, "voa")
        voa.set_attenuation_db(10.1)
        with pytest.raises(InterlockError, match=r"voa: attenuation_db = 9\.9 asked for, but then .*\(bob\.z0, ") as caught:
            voa.set_attenuation_db(9.9)
        assert caught.value.power_w == pytest.approx(at_detector_w(9.9), rel=1e-6)
        assert (caught.value.receiver, caught.value.limit_w) == ("bob", 1e-3)
        assert isinstance(caught.value, EnvelopeError)
        assert voa.attenuation_db() == 10.1

    def test_light_is_refused_while_nothing_attenuates(self, bright: Testbed) -> None:
        """Dark, the attenuator may stand anywhere; then the source may not emit."""
        asked(bright, "switch").select(1)
        asked(bright, "voa").set_attenuation_db(0.0)
        with pytest.raises(InterlockError, match="alice: emitting = 1 asked for"):
            asked(bright, "alice").set_emitting(emitting=True)
        assert not asked(bright, "alice").emitting()
        asked(bright, "voa").set_attenuation_db(20.0)
        asked(bright, "alice").set_emitting(emitting=True)

    def test_a_switch_is_not_put_through(self, bright: Testbed) -> None:
        """On its dark port 50 dB more protect, so light and attenuator may stand as they like until it would go through."""
        asked(bright, "voa").set_attenuation_db(0.0)
        asked(bright, "alice").set_emitting(emitting=True)
        with pytest.raises(InterlockError, match="switch: channel = 1 asked for"):
            asked(bright, "switch").select(1)
        assert asked(bright, "switch").channel() == 4

    def test_what_darkens_goes_through(self, bright: Testbed) -> None:
        """From a state beyond the limit, made behind its back, less light is always allowed, parking too."""
        bright.link("metro").up()  # type: ignore[union-attr]
        bright._twins.world.change("voa", "attenuation_db", 2.0, bright.clock.now_ns())  # type: ignore[union-attr]
        voa = asked(bright, "voa")
        voa.set_attenuation_db(5.0)
        with pytest.raises(InterlockError):
            voa.set_attenuation_db(4.0)
        bright.park()
        assert not asked(bright, "alice").emitting()

    def test_healing_included(self, bright: Testbed) -> None:
        """A cut is not healed into light that somebody made brighter meanwhile; healing fails, and says why."""
        link = cast("Link", bright.link("metro"))
        link.up()
        with pytest.raises((HealingError, InterlockError, ExceptionGroup)) as caught, Chaos(bright, link).fiber_cut("switch"):
            asked(bright, "voa").set_attenuation_db(0.0)
        assert "damage_threshold" in str(caught.value) or "damage_threshold" in repr(caught.value)
        assert asked(bright, "switch").channel() == 4
        asked(bright, "voa").set_attenuation_db(30.0)

    def test_a_bench_in_bounds_is_asked_nothing(self, testbed: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where even the brightest state harms nobody, a move costs no question to other devices."""
        monkeypatch.setattr(type(asked(testbed, "alice")), "emitting", lambda _: pytest.fail("asked"))
        asked(testbed, "voa").set_attenuation_db(0.0)


class Silent:
    """A driver whose device does not answer."""

    capabilities = SimpleNamespace(ranges={"attenuation_db": (0.0, 60.0)})

    def __getattr__(self, name: str) -> Any:
        def ask() -> float:
            raise DeviceTimeoutError("voa", "no answer")

        return ask


class TestWithoutAnswers:
    """As in the guardian, or with a broken line: what cannot be read is as bright as it can be."""

    def test_the_worst_is_assumed(self, bright_file: Path) -> None:
        """30 dB is enough whatever the others do, 5 dB is not."""
        for devices in ({}, {"voa": Silent(), "alice": Silent()}):
            interlock = Interlock(load(bright_file), devices)
            interlock.check("voa", "attenuation_db", 30.0)
            with pytest.raises(InterlockError):
                interlock.check("voa", "attenuation_db", 5.0)
            interlock.check("alice", "emitting", 0.0)
            interlock.check("switch", "channel", 4)
            with pytest.raises(InterlockError):
                interlock.check("switch", "channel", 1)

    def test_parking_goes_through(self, bright_file: Path) -> None:
        """As far as the envelope goes, though nobody can say that this darkens."""
        brighter = bright_file.read_text(encoding="utf-8").replace('"20 dBm"', '"90 dBm"')
        file = bright_file.with_name("brighter.toml")
        file.write_text(brighter, encoding="utf-8")
        interlock = Interlock(load(file), {"voa": Silent()})
        interlock.check("voa", "attenuation_db", 60.0)
        with pytest.raises(InterlockError):
            interlock.check("voa", "attenuation_db", 59.0)

    def test_more_laser_current_is_more_light(self) -> None:
        """Of the shelf: its source sends in proportion to the current above threshold; twice that is twice the light."""
        bench = load(SHELF)
        laser: Any = bench.device["ldc500"]
        interlock = Interlock(bench, {})
        keys = [key for way in interlock._ways for key in way.settings(bench)]
        state = {key: 0.0 if key[1] == "attenuation_db" else 1.0 for key in keys}
        state |= {(name, "current_a"): cast("Any", bench.device[name]).current_a for name, what in keys if what == "current_a"}
        once = interlock.power_w("bob", state)
        double = 2.0 * laser.current_a - laser.threshold_a
        assert once > 0.0
        assert interlock.power_w("bob", state | {("ldc500", "current_a"): double}) == pytest.approx(2.0 * once)
        assert interlock.power_w("bob", state | {("ldc500", "emitting"): 0.0}) == 0.0


def standing(**settings: float) -> SimpleNamespace:
    """A driver that tells these."""
    return SimpleNamespace(**{name: (lambda value=value: value) for name, value in settings.items()})


class TestEveryWay:
    """Of light to every receiver."""

    @pytest.mark.parametrize(("spared", "endangered"), [("alice", "bob"), ("bob", "alice")])
    def test_both_receivers_of_a_pair_source(self, spared: str, endangered: str, tmp_path: Path) -> None:
        """100 mW leave 60 mW behind alice's 2.2 dB, and 3.9 mW behind bob's 34 km at 0.35 dB, 0.7 and 1.5 dB."""
        text = shipped()["entangled-metro"].read_text(encoding="utf-8")
        for table, line in (("source", 'pilot_power = "20 dBm"'), (spared, 'damage_threshold = "1 W"')):
            assert f"[device.{table}]\n" in text
            text = text.replace(f"[device.{table}]\n", f"[device.{table}]\n{line}\n")
        file = tmp_path / "bright.toml"
        file.write_text(text, encoding="utf-8")
        interlock = Interlock(load(file), {})
        with pytest.raises(InterlockError, match=f"of {endangered} ") as caught:
            interlock.check("source", "emitting", 1.0)
        losses_db = {"alice": 2.2, "bob": 34.0 * 0.35 + 0.7 + 1.5}
        assert caught.value.power_w == pytest.approx(BRIGHT_W * 10.0 ** (-losses_db[endangered] / 10.0), rel=1e-6)

    def test_the_brightest_pulses_count(self, tmp_path: Path) -> None:
        """Where a pilot is 1e-18 W: 0.55 photons of h c / 1550 nm, a billion a second, are 70.5 pW; vacuum is none."""
        text = shipped()["metro-25km"].read_text(encoding="utf-8").replace('"-20 dBm"', '"-150 dBm"')
        file = tmp_path / "pulses.toml"
        file.write_text(text, encoding="utf-8")
        interlock = Interlock(load(file), {})
        state = {("alice", "emitting"): 1.0, ("voa", "attenuation_db"): 3.0, ("switch", "channel"): 1.0}
        sent_w = 0.55 * 1e9 * 6.62607015e-34 * 299_792_458.0 / 1550e-9  # SI: h and c
        assert sent_w == pytest.approx(70.5e-12, rel=1e-3)
        assert interlock.power_w("bob", state) == pytest.approx(at_detector_w(3.0, sent_w), rel=1e-6)

    def test_light_of_two_links_adds_up(self, bright_file: Path) -> None:
        """11 dB of attenuation let 0.8 mW of one source through, which is borne, and of two 1.6 mW, which is not."""
        text = bright_file.read_text(encoding="utf-8")
        for name in ("device.alice", "link.metro", "link.metro.fibre", "link.metro.proof"):
            (table,) = re.findall(rf"\n\[{name}\]\n.*?(?=\n\[|\Z)", text, re.DOTALL)
            text += "\n" + re.sub(r"kmes.*\n|auxiliary.*\n", "", table.replace("alice", "carol").replace("metro", "second"))
        file = bright_file.with_name("two.toml")
        file.write_text(text, encoding="utf-8")
        bench = load(file)
        assert at_detector_w(11.0) < 1e-3 < 2.0 * at_detector_w(11.0)
        devices = {"alice": standing(emitting=0.0), "voa": standing(attenuation_db=11.0), "switch": standing(channel=1.0)}
        Interlock(bench, devices).check("carol", "emitting", 1.0)
        with pytest.raises(InterlockError) as caught:
            Interlock(bench, devices | {"alice": standing(emitting=1.0)}).check("carol", "emitting", 1.0)
        assert caught.value.power_w == pytest.approx(2.0 * at_detector_w(11.0), rel=1e-6)
