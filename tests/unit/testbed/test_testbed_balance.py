"""What notices detectors that do not see alike: a healthy link passes, a weaker detector and a shift in time do not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from hil.physics.efficiency_mismatch import arrival_efficiency, share_off_half
from hil.testbed.injection.chaos import Chaos
from hil.testbed.slo import Slo
from hil.testbed.testbed import Testbed
from hil.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hil.testbed.link import Link

OFFSET = 'efficiency_offset = "200 ps"\n'
TAGS = 'timing = "tags"\ntick = "156.25 ps"\njitter_sigma = "50 ps"\n'
CELSIUS = 'detector_temperature = "-40 degC"\n'


def verdicts(link: Link, duration: str = "1 s") -> dict[str, Outcome]:
    found = Slo(link).judge(link.detector_balance(duration), "detector_balance")
    return {verdict.subject: Outcome(verdict.outcome) for verdict in found}


def test_a_healthy_link_passes_and_a_weaker_detector_does_not(link: Link) -> None:
    """20 % less efficiency of z0: 0.8 / 1.8 of what is offered, and dead time evens it out; the other basis stays."""
    # 1 GHz, 0.32 photons a pulse, 20 dB, 0.83 of it to the key basis; 50 ns of dead time
    offered_hz = 1e9 * (0.4 * 0.55 + 0.4 * 0.25) * 0.01 * 0.83 / 2.0
    weak_hz, strong_hz = (offered / (1.0 + offered * 5e-8) for offered in (0.8 * offered_hz, offered_hz))
    assert verdicts(link) == {"bob.z0/z1": Outcome.PASS, "bob.x0/x1": Outcome.PASS}
    with Chaos(link.testbed, link).efficiency_loss("bob.z0", loss_ratio=0.2):
        (key_basis, _) = link.detector_balance("1 s")
        assert key_basis.ones.sum() / key_basis.clicks.sum() == pytest.approx(strong_hz / (weak_hz + strong_hz), abs=2e-3)
        assert verdicts(link) == {"bob.z0/z1": Outcome.FAIL, "bob.x0/x1": Outcome.PASS}
    assert verdicts(link)["bob.z0/z1"] is Outcome.PASS


@pytest.fixture
def opened_with(tmp_path: Path, write_bench: Callable[..., Path], fresh_notebook: Any) -> Any:
    """A testbed of metro-25km whose receiver has more lines."""

    def opened(lines: str) -> Testbed:
        file = write_bench(tmp_path / "balance.toml", (CELSIUS, CELSIUS + lines))
        return Testbed.open(file, seed=7, log=cast("Any", fresh_notebook))

    return opened


def test_a_declared_mismatch_passes(opened_with: Callable[[str], Testbed]) -> None:
    """Detectors that may differ by a fifth, and do: 5.6 % from a half."""
    assert share_off_half(0.8) == pytest.approx(1.0 / 1.8 - 0.5)
    with opened_with("efficiency_ratio = 0.8\n") as testbed:
        testbed.begin("mismatch")
        link = testbed.link("metro")
        testbed.control.inject("bob", "z0.efficiency", 0.2 * 0.8)
        assert verdicts(link)["bob.z0/z1"] is Outcome.PASS
        testbed.control.inject("bob", "z0.efficiency", 0.2 * 0.65)
        assert verdicts(link)["bob.z0/z1"] is Outcome.FAIL
        testbed.end()


def test_an_even_shift_shows_by_time_of_arrival(opened_with: Callable[[str], Testbed]) -> None:
    """Totals stay even; of the late clicks eta1 / (eta0 + eta1) are ones (Zhao and others 2008), of the early ones the rest."""
    with opened_with(OFFSET + TAGS) as testbed:
        testbed.begin("shift")
        link = testbed.link("metro")
        assert set(verdicts(link, "200 ms").values()) == {Outcome.PASS}
        with Chaos(testbed, link).time_shift(shift="200 ps"):
            seen = {one.subject: one for one in link.detector_balance("200 ms")}
            found = verdicts(link, "200 ms")
        early, late = (arrival_efficiency(2e-10, centre, 5e-10) for centre in (-1e-10, 1e-10))
        # at 50 ps of jitter and 156 ps of tick, 1 in 1,000 clicks is in the wrong half; 0.5 % is that and five sigma
        share = {name: one.ones.sum() / one.clicks.sum() for name, one in seen.items()}
        assert share["bob.z0/z1 late"] == pytest.approx(late / (early + late), abs=5e-3)
        assert share["bob.z0/z1 early"] == pytest.approx(early / (early + late), abs=5e-3)
        for basis in ("bob.z0/z1", "bob.x0/x1"):
            assert found[basis] is Outcome.PASS
            assert (found[f"{basis} early"], found[f"{basis} late"]) == (Outcome.FAIL, Outcome.FAIL)
        assert set(verdicts(link, "200 ms").values()) == {Outcome.PASS}
        testbed.end()


def test_a_shift_one_way_shows_in_the_totals(opened_with: Callable[[str], Testbed]) -> None:
    """All late: ones have eta1 / (eta0 + eta1) of the clicks, which counters show as well."""
    with opened_with(OFFSET) as testbed:
        testbed.begin("one way")
        link = testbed.link("metro")
        assert set(verdicts(link).values()) == {Outcome.PASS}
        with Chaos(testbed, link).time_shift(shift="200 ps", late_ratio=1.0):
            (key_basis, _) = link.detector_balance("1 s")
            assert set(verdicts(link).values()) == {Outcome.FAIL}
        early, late = (arrival_efficiency(2e-10, centre, 5e-10) for centre in (-1e-10, 1e-10))
        # dead time takes at most 5 % more from the detector that clicks more: 1 % of the share
        assert key_basis.ones.sum() / key_basis.clicks.sum() == pytest.approx(late / (early + late), abs=1.2e-2)
        testbed.end()
