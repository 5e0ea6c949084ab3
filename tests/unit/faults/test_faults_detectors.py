"""What faults of detectors take for evidence, on counts made by hand whose statistics can be computed on paper."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from hil.errors import MissingCapabilityError, UsageError
from hil.faults import afterpulsing, dead_time_growth, efficiency_loss
from hil.faults._errors import changed, fell, rose, synchronised_share
from hil.faults.afterpulsing import Afterpulsing
from hil.faults.dead_time_growth import DeadTimeGrowth
from hil.faults.efficiency_loss import EfficiencyLoss
from hil.ports.spec import Span, Undo

if TYPE_CHECKING:
    from hil.ports.spec import FaultBench, FaultSpec, Readings

_BOB = SimpleNamespace(detectors=("z0", "z1"), dark_count_rate_hz=1_000.0, dead_time_s=1e-6, afterpulse_probability=0.0)
_UNITS = {f"spd{number}": SimpleNamespace(of="bob", channel=f"z{number}") for number in (0, 1)}


class Bench:
    """As much of a bench as a plan asks for: twins where ``twin``, control units where ``units``."""

    def __init__(self, *, twin: bool = True, units: tuple[str, ...] = ()) -> None:
        self._twin, self._units = twin, units

    def declared(self, device: str) -> Any:
        return _BOB if device == "bob" else _UNITS[device]

    def devices_of_role(self, role: str) -> tuple[str, ...]:
        assert role == "detector"
        return self._units

    def read(self, device: str, setting: str) -> float:
        if device in self._units:
            return {"bias_v": 210.0}[setting]
        if not self._twin:
            raise MissingCapabilityError(f"{device} is real")
        return {"efficiency": 0.2, "dead_time_s": 1e-6}[setting.partition(".")[2]]


BENCH = cast("FaultBench", Bench())


def look(seconds: float, *counts: float, lit: float = 1.0, **parameters: float) -> Span:
    """A stretch in which the detectors z0, z1 counted this, with the injected values at its end."""
    clicks = {f"clicks.z{number}": count for number, count in enumerate(counts)}
    last: Readings = {"live_s": seconds, "emitting": lit, "biased": 1.0, **clicks, **parameters}
    return Span({**dict.fromkeys(last, 0.0)}, last)


def shown(spec: FaultSpec, settings: Any, before: Span, during: Span, target: str = "bob") -> Any:
    return spec.shown(BENCH, target, settings, before, during)


def set_to(name: str, *values: float) -> dict[str, float]:
    """Injected values of both detectors as a fault reads them."""
    return {f"set.bob/z{number}.{name}": value for number, value in enumerate(values)}


class TestEfficiencyLoss:
    """Counts must lose that share of what dark counts do not explain."""

    HALF = EfficiencyLoss(loss_ratio=0.5)
    BEFORE = look(10.0, 100_000, 100_000, **set_to("efficiency", 0.2, 0.2))

    def test_as_expected(self) -> None:
        """10 kHz counted are 10,101 Hz arriving, 9,101 of them light; half of it leaves 5,550.5 Hz, which count 5,519.9 Hz."""
        finding = shown(
            efficiency_loss.SPEC, self.HALF, self.BEFORE, look(10.0, 55_199, 55_199, **set_to("efficiency", 0.1, 0.1))
        )
        assert finding.shown
        assert "8960 Hz fewer counts" in finding.words
        assert "100% of what a loss of 50% of the efficiency" in finding.words

    @pytest.mark.parametrize("counts", [98_000, 80_000, 100])  # a tenth of it, less than half of it, more than twice
    def test_another_loss(self, counts: int) -> None:
        """A dark link is no loss of half of the efficiency, nor is a tenth of one."""
        assert not shown(
            efficiency_loss.SPEC, self.HALF, self.BEFORE, look(10.0, counts, counts, **set_to("efficiency", 0.1, 0.1))
        ).shown

    def test_what_does_not_read_back(self) -> None:
        """The light fell, but the parameter stands where it stood."""
        assert not shown(
            efficiency_loss.SPEC, self.HALF, self.BEFORE, look(10.0, 55_199, 55_199, **set_to("efficiency", 0.2, 0.2))
        ).shown

    def test_light_off_meanwhile(self) -> None:
        """No evidence; and when it is to be healed, none is asked for."""
        dark = look(10.0, 10_000, 10_000, lit=0.0, **set_to("efficiency", 0.1, 0.1))
        assert "light off" in shown(efficiency_loss.SPEC, self.HALF, self.BEFORE, dark).words
        assert not shown(efficiency_loss.SPEC, self.HALF, self.BEFORE, dark).shown
        assert efficiency_loss.SPEC.healed(BENCH, "bob", self.HALF, self.BEFORE, dark).shown

    def test_control_units_are_moved_where_every_detector_has_one(self) -> None:
        """Half of the 21 V above breakdown of 210 V: 199.5 V; with one unit for two detectors the twin is told instead."""
        bench = cast("FaultBench", Bench(units=("spd0", "spd1")))
        stood = efficiency_loss.SPEC.plan(bench, "bob", self.HALF)
        assert stood == (Undo("spd0", "bias_v", 210.0), Undo("spd1", "bias_v", 210.0))
        assert {move.value for move in efficiency_loss.SPEC.moves(bench, "bob", self.HALF, stood)} == {199.5}
        assert efficiency_loss.SPEC.moves(bench, "bob", EfficiencyLoss(0.0), stood) == ()
        one = cast("FaultBench", Bench(units=("spd1",)))
        assert {undo.device for undo in efficiency_loss.SPEC.plan(one, "bob", self.HALF)} == {"bob"}
        assert efficiency_loss.SPEC.plan(one, "bob.z1", self.HALF) == (Undo("spd1", "bias_v", 210.0),)

    def test_hardware_without_control_units_is_refused(self) -> None:
        """With what it would take; with units it is moved."""
        with pytest.raises(MissingCapabilityError, match="control unit of every detector"):
            efficiency_loss.SPEC.plan(cast("FaultBench", Bench(twin=False, units=("spd0",))), "bob", self.HALF)
        real = cast("FaultBench", Bench(twin=False, units=("spd0", "spd1")))
        assert len(efficiency_loss.SPEC.plan(real, "bob", self.HALF)) == 2


class TestDeadTimeGrowth:
    """Counts must lose what the longer dead time takes."""

    def test_as_expected(self) -> None:
        """100 kHz behind 1 us are 111,111 Hz arriving; behind 5 us they count 71,429 Hz."""
        before = look(1.0, 100_000, 100_000, **set_to("dead_time_s", 1e-6, 1e-6))
        grown = set_to("dead_time_s", 5e-6, 5e-6)
        finding = shown(dead_time_growth.SPEC, DeadTimeGrowth(added_s=4e-6), before, look(1.0, 71_429, 71_429, **grown))
        assert finding.shown
        assert "57142 Hz fewer counts" in finding.words
        assert not shown(dead_time_growth.SPEC, DeadTimeGrowth(added_s=4e-6), before, look(1.0, 99_000, 99_000, **grown)).shown

    def test_one_detector_is_judged_alone(self) -> None:
        """The other one's counts do not count."""
        before = look(1.0, 100_000, 100_000, **{"set.bob/z0.dead_time_s": 1e-6})
        during = look(1.0, 71_429, 100_000, **{"set.bob/z0.dead_time_s": 5e-6})
        assert shown(dead_time_growth.SPEC, DeadTimeGrowth(added_s=4e-6), before, during, "bob.z0").shown
        other = Span(during.first, {**during.last, "clicks.z0": 100_000.0, "clicks.z1": 71_429.0})
        assert not shown(dead_time_growth.SPEC, DeadTimeGrowth(added_s=4e-6), before, other, "bob.z0").shown


class TestAfterpulsing:
    """Counts must rise by the afterpulses that dead time lets through."""

    def test_as_expected(self) -> None:
        """Of n = 10,101 Hz, m = (1 - m tau)(n + p m) with p = 0.1: tau p m^2 + (0.9 + n tau) m - n = 0, m = 11,084.9 Hz."""
        before = look(10.0, 100_000, 100_000, **set_to("afterpulse_probability", 0.0, 0.0))
        during = look(10.0, 110_849, 110_849, **set_to("afterpulse_probability", 0.1, 0.1))
        finding = shown(afterpulsing.SPEC, Afterpulsing(added_ratio=0.1), before, during)
        assert finding.shown
        assert "100% of what 10.0% more afterpulses a click" in finding.words


@pytest.mark.parametrize(
    ("settings", "values"),
    [
        (EfficiencyLoss, {"loss_ratio": 1.1}),
        (EfficiencyLoss, {"loss_ratio": float("nan")}),
        (DeadTimeGrowth, {"added_s": -1e-9}),
        (Afterpulsing, {"added_ratio": 0.6}),
    ],
)
def test_impossible_settings_are_refused(settings: Any, values: dict[str, float]) -> None:
    """With the name of the setting and what is expected."""
    with pytest.raises(UsageError, match=next(iter(values))):
        settings(**values)


def errors(bits: float, wrong: float, seconds: float = 1.0, clicks: float = 1.0) -> Span:
    """A stretch of looks at detections, from nothing on."""
    names = ("sampled_s", "sampled_clicks", "sifted_bits", "wrong_bits", "synchronised_s")
    last = dict(zip(names, (seconds, clicks, bits, wrong, seconds), strict=True))
    return Span(dict.fromkeys(names, 0.0), last)


class TestErrors:
    """A rise of the QBER, by binomial statistics."""

    def test_sure_and_half_of_what_was_due(self) -> None:
        """1 % to 3 % of 10,000 bits: sqrt(0.01 x 0.99 / 1e4 + 0.03 x 0.97 / 1e4) = 0.00197, so 10.1 standard deviations."""
        finding = rose(errors(1e4, 100), errors(1e4, 300), 0.02)
        assert finding.shown
        assert "10.1 standard deviations, 100% of what was due" in finding.words
        assert not rose(errors(1e4, 100), errors(1e4, 300), 0.05).shown  # less than half of it
        assert not rose(errors(1e3, 10), errors(1e3, 30), 0.02).shown  # 3.2 standard deviations
        assert fell(errors(1e4, 300), errors(1e4, 100), 0.02).shown
        assert not fell(errors(1e4, 100), errors(1e4, 300), 0.02).shown

    def test_an_earlier_look_will_do_for_before_but_not_for_now(self) -> None:
        """Where a stretch has no look of its own, all that came before it is compared with."""
        stands = errors(1e4, 100).last
        assert rose(Span(stands, stands), errors(1e4, 300), 0.02).shown
        assert not rose(errors(1e4, 300), Span(stands, stands), 0.02).shown
        assert not changed(errors(0.0, 0.0), errors(1e4, 300), 0.02).shown

    def test_without_clicks_nothing_can_tell(self) -> None:
        """A link that went dark meanwhile."""
        assert fell(errors(1e4, 300), errors(0.0, 0.0, clicks=0.0), 0.02).shown

    def test_synchronised_share(self) -> None:
        """None where nothing was looked at."""
        assert synchronised_share(errors(1.0, 0.0)) == 1.0
        stands = errors(1.0, 0.0).last
        assert synchronised_share(Span(stands, stands)) is None
        assert synchronised_share(Span(stands, stands), ever=True) == 1.0
