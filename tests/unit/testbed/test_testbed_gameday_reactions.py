"""Reaction times are those of the looks they are read from: each case is a short story whose times are counted by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hil.gamedays.model import Alert, Expectation
from hil.history.steps import History, Step
from hil.ports.run import FaultWindow
from hil.testbed.gamedays.gameday_looks import Look, firings
from hil.testbed.gamedays.gameday_reactions import Seen, moments, reactions
from hil.verdict import Outcome

if TYPE_CHECKING:
    from hil.record.model import ReactionEntry

ALERT = Alert(name="down", signal="no-key", for_s=2.0)
# in from 2.5 s to 6.5 s; blocks of a second: the third is touched, the next three are inside, the seventh sees the healing
CUT = FaultWindow("fiber_cut", "switch", 2.5, 6.5, "fiber_cut", "seen", healed=True)
DARK = {4, 5, 6}


def look(number: int, *, released: bool, barred: bool = False, **signals: str) -> Look:
    return Look(
        float(number),
        number - 1.0,
        float(number),
        released,
        barred,
        {name.replace("_", "-"): why for name, why in signals.items()},
    )


def story(dark: set[int] = DARK, blocks: int = 10) -> list[Look]:
    return [
        look(number, released=False, no_key="no detections") if number in dark else look(number, released=True)
        for number in range(1, blocks + 1)
    ]


def reacted(
    window: FaultWindow, looks: list[Look], history: tuple[Step, ...] = (), alert_of: Alert | None = None, **expected: Any
) -> dict[str, ReactionEntry]:
    found = reactions(1, window, Expectation(**expected), Seen(looks, History(history), (alert_of or ALERT,)))
    return {each.what: each for each in found}


class TestMeasured:
    """Against times counted by hand."""

    def test_a_cut(self) -> None:
        """Seen with the block that ends at 4 s, stopped at 3 s, the alert two seconds later, key again at 8 s."""
        found = reacted(CUT, story(), alert="down")
        assert {what: each.measured_s for what, each in found.items()} == pytest.approx(
            {"detect": 1.5, "stop": 0.5, "alert": 3.5, "recover": 1.5}
        )

    @pytest.mark.parametrize(("within_s", "outcome"), [(1.5, Outcome.PASS), (1.49, Outcome.FAIL), (None, Outcome.SKIPPED)])
    def test_in_time_or_not(self, within_s: float | None, outcome: Outcome) -> None:
        """To the last moment; what is not expected is not judged."""
        assert reacted(CUT, story(), detect_within_s=within_s)["detect"].outcome is outcome
        assert reacted(CUT, story(), recover_within_s=within_s)["recover"].outcome is outcome

    def test_no_reaction_fails_what_is_expected(self) -> None:
        """Key that goes on, no signal, no alert."""
        found = reacted(CUT, story(set()), detect_within_s=9.0, stop_delivery_within_s=9.0, alert="down", alert_within_s=9.0)
        assert {what: each.outcome for what, each in found.items()} == {
            "detect": Outcome.FAIL,
            "stop": Outcome.FAIL,
            "alert": Outcome.FAIL,
            "recover": Outcome.SKIPPED,
        }
        assert [each.measured_s for each in found.values()] == [None, None, None, 1.5]

    def test_what_was_on_before_is_no_detection(self) -> None:
        """A link that was down already did not notice the fault."""
        looks = story({1, 2, *DARK})
        assert reacted(CUT, looks)["detect"].measured_s is None
        assert reacted(CUT, looks, detect_by=("counts",))["detect"].measured_s is None

    def test_a_block_whose_messages_were_spoken_under_the_fault_counts(self) -> None:
        """A block that ends at the moment the fault comes is distilled after it: its refusal is the fault's, not one before."""
        window = FaultWindow("classical_replay", "metro.classical", 3.0, 6.5, "classical_replay", "seen", healed=True)
        assert reacted(window, story({3, *DARK}))["detect"].measured_s == pytest.approx(0.0)

    def test_a_signal_after_healing_is_none(self) -> None:
        """It came too late to be of the fault."""
        assert reacted(CUT, story({8, 9}))["detect"].measured_s is None

    def test_a_block_that_sees_the_healing_does_not_count_as_key_during_the_fault(self) -> None:
        """Its key is of the detections made afterwards; recovery is counted from the first block that began after healing."""
        found = reacted(CUT, story(DARK))  # the seventh gives key
        assert found["stop"].measured_s == pytest.approx(0.5)
        assert found["recover"].measured_s == pytest.approx(8.0 - 6.5)

    def test_key_that_comes_back_during_the_fault_did_not_stop(self) -> None:
        """The last block inside gave key."""
        assert reacted(CUT, story({4, 5}))["stop"].measured_s is None

    def test_a_stop_that_is_the_frameworks_own_doing_is_undecided(self) -> None:
        """Barred to the last block inside: no reaction of the link, nor one that is missing."""
        looks = [look(n, released=n not in DARK, barred=n in DARK) for n in range(1, 11)]
        found = reacted(CUT, looks, stop_delivery_within_s=9.0)
        assert (found["stop"].outcome, found["stop"].measured_s) == (Outcome.INCONCLUSIVE, None)
        assert "3 of 4 blocks were barred by this framework" in found["stop"].words
        assert found["detect"].measured_s is None
        assert reacted(CUT, looks)["stop"].outcome is Outcome.SKIPPED  # nobody expected one

    def test_signs_that_barred_blocks_cannot_give_are_undecided(self) -> None:
        """No key and a low rate cannot come on where this framework took the key away; errors can, and did not."""
        looks = [look(n, released=n not in DARK, barred=n in DARK) for n in range(1, 11)]
        expected: dict[str, Any] = {"alert_within_s": 2.0, "detect_within_s": 2.0}
        low = Alert(name="low", signal="key-rate", for_s=1.0)
        found = reacted(CUT, looks, alert_of=low, alert="low", detect_by=("no-key",), **expected)
        assert found["alert"].outcome is Outcome.INCONCLUSIVE
        assert found["detect"].outcome is Outcome.INCONCLUSIVE
        assert "3 blocks were barred by this framework" in found["alert"].words
        wrong = Alert(name="wrong", signal="qber", for_s=1.0)
        found = reacted(CUT, looks, alert_of=wrong, alert="wrong", detect_by=("qber",), **expected)
        assert found["alert"].outcome is Outcome.FAIL
        assert found["detect"].outcome is Outcome.FAIL

    def test_a_stop_is_counted_from_the_last_block_that_the_parties_would_have_gone_on_with(self) -> None:
        """The fourth was barred, the fifth and sixth they refused themselves: stopped at 4 s."""
        looks = [look(n, released=n not in DARK, barred=n == 4) for n in range(1, 11)]
        found = reacted(CUT, looks, stop_delivery_within_s=1.5)
        assert found["stop"].measured_s == pytest.approx(1.5)
        assert found["stop"].outcome is Outcome.PASS
        assert "the parties themselves refused, after 1 barred" in found["stop"].words
        assert reacted(CUT, looks, stop_delivery_within_s=1.4)["stop"].outcome is Outcome.FAIL

    def test_a_fault_that_was_not_healed_has_no_recovery(self) -> None:
        """Whatever came later."""
        window = FaultWindow("fiber_cut", "switch", 2.5, 6.5, "fiber_cut", "seen", healed=False)
        assert reacted(window, story(), recover_within_s=9.0)["recover"].outcome is Outcome.FAIL


class TestDelivery:
    """Key management entities: what applications were told."""

    def history(self, *ok_s: float, failed_s: tuple[float, ...]) -> tuple[Step, ...]:
        steps = [Step(time_s=at, step=step, key_ids=("k",)) for at in ok_s for step in ("enc", "dec")]  # type: ignore[arg-type]
        steps += [Step(time_s=at, step="enc", outcome="fail", keys=1) for at in failed_s]
        return tuple(sorted(steps, key=lambda step: step.time_s))

    def test_an_outage(self) -> None:
        """Refused from 3 s on, had again at 7 s: it stopped at once, and was back half a second after healing."""
        found = reacted(CUT, story(set()), self.history(1, 2, 7, 8, failed_s=(3, 4, 5, 6)), stops="delivery")
        assert found["stop"].measured_s == pytest.approx(0.0)
        assert found["recover"].measured_s == pytest.approx(0.5)

    def test_delivery_that_goes_on(self) -> None:
        """Nobody was refused."""
        found = reacted(CUT, story(set()), self.history(*range(1, 9), failed_s=()), stops="delivery")
        assert found["stop"].measured_s is None

    def test_delivery_that_ran_dry_of_barred_blocks_is_undecided(self) -> None:
        """Stores that got no key because this framework took none."""
        looks = [look(n, released=n not in DARK, barred=n in DARK) for n in range(1, 11)]
        history = self.history(1, 2, 3, 7, 8, failed_s=(4, 5, 6))
        found = reacted(CUT, looks, history, stops="delivery", stop_delivery_within_s=9.0)
        assert found["stop"].outcome is Outcome.INCONCLUSIVE
        assert "run dry" in found["stop"].words

    def test_delivery_that_nobody_asked_for(self) -> None:
        """Unknown is not stopped."""
        assert reacted(CUT, story(), stops="delivery")["stop"].measured_s is None


def test_an_alert_fires_once_for_each_time_its_signal_stays_on() -> None:
    """Two stretches of three looks fire twice, one look in between does not."""
    looks = story({2, 3, 4, 6, 8, 9, 10})
    assert [each.time_s for each in firings(ALERT, looks)] == [4.0, 10.0]
    assert [each.time_s for each in firings(Alert(name="at once", signal="no-key"), looks)] == [2.0, 6.0, 8.0]


def test_moments_are_in_the_bench_time_of_what_they_tell() -> None:
    """From the fault to the recovery."""
    found = tuple(reacted(CUT, story(), alert="down").values())
    told = {moment.kind: moment.time_s for moment in moments(1, CUT, found)}
    assert told == pytest.approx({"fault": 2.5, "stop": 3.0, "detect": 4.0, "alert": 6.0, "heal": 6.5, "recover": 8.0})
