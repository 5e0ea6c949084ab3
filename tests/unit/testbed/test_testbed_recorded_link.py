"""A recording as a link: what it counts, records, and says that it cannot show."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from scipy.stats import beta

from hil.bench.loader import load
from hil.clock import VirtualClock
from hil.drivers.recording import RecordedTags
from hil.errors import MissingCapabilityError, SynchronisationError, UsageError
from hil.pipeline.reconciliation import choice
from hil.ports.identity import EvidenceLevel
from hil.ports.objective import Objective
from hil.ports.spec import DeviceSettings
from hil.record.eventlog import EventLog
from hil.record.events import read_events
from hil.record.folder import RunFolder
from hil.slo import entanglement_fidelity, qber
from hil.testbed.recordings.recorded_link import RecordedLink
from hil.testbed.recordings.recording_claims import sentences
from hil.verdict import Outcome

FILE = Path(__file__).parents[4] / "shared" / "data" / "photon_pairs.txt"
needs_recording = pytest.mark.skipif(not FILE.exists(), reason="the recorded pairs are not beside this checkout")

# ../shared/data/README.md, counted independently of this project
SINGLES = ((5408, 2732, 1753, 1424), (5242, 5811, 2792, 2179))
MATRIX = ((279, 1, 0, 2), (0, 341, 1, 0), (0, 0, 95, 0), (0, 0, 0, 59))


def _link(
    file: Path, *, seed: int = 1, record=lambda kind, **data: None, channels=(), reconciliation: str = "cascade"
) -> RecordedLink:
    """The shipped bench's link over the real driver, on this file."""
    bench = load("recorded-pairs")
    declared = msgspec.structs.replace(bench.device["recording"], channels=channels)
    driver = RecordedTags(DeviceSettings(name="recording", resource=str(file), clock=VirtualClock(), declared=declared))
    driver.open()
    proof = msgspec.structs.replace(bench.link["pairs"].proof, reconciliation=reconciliation)
    link = msgspec.structs.replace(bench.link["pairs"], proof=proof)
    return RecordedLink("pairs", link, driver, declared, seed=seed, record=record)


def _write(path: Path, channel: np.ndarray, ticks: np.ndarray) -> Path:
    order = np.argsort(ticks, kind="stable")
    np.savetxt(path, np.stack([channel[order], ticks[order]], axis=1), fmt="%d")
    return path


@pytest.fixture(scope="module")
def two_bases(tmp_path_factory) -> Path:
    """A recording as two passive basis choices give it: half of the pairs in different bases, there at random; 2 % errors."""
    random = np.random.default_rng(8)
    ticks = np.cumsum(random.integers(500, 100_000, 3000))
    basis_a, basis_b, bit, other = random.integers(0, 2, (4, ticks.size))
    hers = 2 * basis_a + bit
    his = 2 * basis_b + np.where(basis_a == basis_b, bit ^ (random.random(ticks.size) < 0.02), other)
    return _write(tmp_path_factory.mktemp("two") / "tags.txt", np.concatenate([hers, his + 4]), np.tile(ticks, 2))


@needs_recording
class TestRecordedPairs:
    """The recorded pairs, against the counts published beside them."""

    def test_counts_matrix_and_errors_are_the_published_ones(self):
        """Singles, matrix, 1 in 621, 0 in 154, 4 in 778, and the peak at +1 with its window from -3 to +5."""
        seen = _link(FILE).analysis()
        assert (seen.singles_alice, seen.singles_bob) == SINGLES
        assert seen.matrix == MATRIX
        assert (seen.groups, seen.all_pairs) == (((1, 621), (0, 154)), (4, 778))
        assert (seen.delay_ticks, seen.rate_ppm, seen.window_ticks) == (1.0, 0.0, (-3.0, 5.0))

    def test_both_parties_end_with_the_same_bits(self):
        """775 sifted bits, one error found, verified, and of one fingerprint."""
        seen = _link(FILE).analysis()
        assert (seen.exchanged.corrected_bits, seen.exchanged.corrected_errors, seen.exchanged.agree) == (775, 1, True)
        assert seen.exchanged.fingerprints is not None
        assert seen.exchanged.fingerprints[0] == seen.exchanged.fingerprints[1]

    @pytest.mark.parametrize(("shift", "rate"), [(10**6, 0.0), (0, 5e-6), (10**6, 5e-6), (10**6, -5e-6)])
    def test_a_shifted_and_stretched_recording_is_the_same(self, tmp_path, shift, rate):
        """Bob's clock 10^6 bins late and 5 ppm fast: the same matrix, the same bits."""
        channel, ticks = np.loadtxt(FILE, dtype=np.int64).T
        moved = np.where(channel > 3, np.round(ticks * (1 + rate)).astype(np.int64) + shift, ticks)
        seen = _link(_write(tmp_path / "moved.txt", channel, moved)).analysis()
        assert seen.matrix == MATRIX
        assert (seen.singles_alice, seen.singles_bob) == SINGLES
        assert seen.window_ticks == (shift - 3, shift + 5)
        assert seen.exchanged.fingerprints == _link(FILE).analysis().exchanged.fingerprints

    def test_a_run_is_one_block_that_releases_nothing(self):
        """Counts per channel add up to the singles; the block has its errors, its ledger, and no key."""
        run = _link(FILE).run("10 s")
        (block,) = run.blocks
        assert tuple(int(gates.sum()) for gates in run.counts.values()) == SINGLES[0] + SINGLES[1]
        assert run.end_s == pytest.approx(124_717_672 * 156.25e-12, rel=1e-6)  # last time of the file, in ticks
        assert (block.sifted_key_bits, block.key_errors, block.released, block.secret_bits) == (775, 1, False, 0)
        assert (run.net_secret_bits, run.source, run.prediction, run.simulated) == (0, None, None, False)
        disclosed = [line.value for line in block.ledger if "disclosed" in line.what]
        assert block.disclosed_bits == sum(disclosed) < 775

    def test_its_qber_is_judged_with_the_exact_interval(self):
        """1 in 775: the upper bound is the beta quantile that scipy's distribution gives, below 2 %."""
        (verdict,) = qber.SPEC.judge(_link(FILE).run(), Objective("qber", 0.02, "ratio"))
        assert (verdict.outcome, verdict.n) == (Outcome.PASS, 775)
        assert verdict.high == pytest.approx(beta.ppf(0.95, 2, 774), rel=1e-9)

    def test_its_fidelity_is_not_judged(self):
        """One setting: skipped, with that reason."""
        counts = _link(FILE).visibility_counts()
        assert counts.by_basis == {"the recorded setting": (778, 4)}
        (verdict,) = entanglement_fidelity.SPEC.judge(counts, Objective("entanglement_fidelity", 0.9, "ratio"))
        assert verdict.outcome is Outcome.SKIPPED
        assert "one setting only" in verdict.reason

    def test_it_says_what_it_cannot_support(self):
        """Each claim by name, with numbers worked out here."""
        said = " ".join(sentences(_link(FILE).analysis()))
        matrix = np.array(MATRIX)
        rows = matrix[:2].sum(), matrix[2:].sum()
        columns = matrix[:, :2].sum(), matrix[:, 2:].sum()
        crossed = (rows[0] * columns[1] + rows[1] * columns[0]) / 778
        deviation = np.sqrt((621 + 154) / (621 * 154) * 155 / 154 * np.log(4 / 1e-9))
        for words in (
            "no claim of a secret key",
            f"at most {100 * beta.ppf(0.95, 2, 774):.2g} %",
            f"3 of 778 pairs join them, where a passive choice at each end would give about {crossed:.0f}",
            f"154 bits would leave its error rate uncertain by {deviation:.2g}",
            "no claim of entanglement or its fidelity",
            "CHSH",
            "no claim of a key rate, of availability or of drift",
            "775 bits, 1 error corrected, equal at both ends",
        ):
            assert words in said


class TestRecord:
    """What goes into the run's record, through the real event log."""

    def test_matrix_plot_and_block_are_recorded_once_a_test(self, two_bases, tmp_path):
        """The first look in a test records table and plot, each run its block; the next test gets them again."""
        log = EventLog(RunFolder.create(tmp_path / "record"), "main")
        link = _link(two_bases, record=log.append)
        link.analysis()
        link.run()
        link.analysis()
        assert [event.kind for event in read_events(log.path)[0]] == ["table", "plot", "block"]
        link.forget()
        link.analysis()
        events, problems = read_events(log.path)
        assert [event.kind for event in events[3:]] == ["table", "plot"]
        assert not problems

    def test_the_table_is_the_matrix(self, two_bases):
        """Rows are Alice's channels, columns Bob's, with the sentences."""
        recorded = {}
        seen = _link(two_bases, record=lambda kind, **data: recorded.update({kind: data})).analysis()
        assert recorded["table"]["rows"] == seen.matrix
        assert recorded["table"]["sentences"] == sentences(seen)
        assert recorded["table"]["link"] == "pairs"

    def test_the_plot_marks_peak_and_window(self, two_bases):
        """The highest bar stands at the peak's mark, the window's marks four ticks to either side."""
        recorded = {}
        _link(two_bases, record=lambda kind, **data: recorded.update({kind: data})).analysis()
        plot = recorded["plot"]
        assert plot["x"][int(np.argmax(plot["y"]))] == 0.0
        assert [mark.x for mark in plot["marks"]] == [-4.0, 0.0, 4.0]
        assert plot["style"] == "bars"


class TestAnyRecording:
    """What holds for whatever was recorded."""

    def test_two_bases_are_not_called_one(self, two_bases):
        """Half of the pairs join the groups, as passive choices give: nothing is said of that; still no key is claimed."""
        seen = _link(two_bases).analysis()
        said = " ".join(sentences(seen))
        assert not seen.one_setting
        assert "one setting" not in said
        assert "no claim of a secret key" in said
        assert seen.exchanged.agree
        assert seen.sifted[1] == pytest.approx(1500, abs=5 * 750**0.5)  # binomial, 3000 pairs, one half

    def test_the_seed_changes_what_is_disclosed_not_what_comes_out(self, two_bases):
        """One seed, one analysis; another one shuffles otherwise over the same bits."""
        first, again, other = (_link(two_bases, seed=seed).analysis().exchanged for seed in (1, 1, 2))
        assert (first.disclosed_bits, first.fingerprints) == (again.disclosed_bits, again.fingerprints)
        assert other.fingerprints == first.fingerprints

    @pytest.mark.parametrize("name", ["cascade-fast", "cascade-efficient"])
    def test_each_correction_gives_the_same_bits_for_other_parities(self, two_bases, name):
        """The link's `reconciliation` is the one that runs."""
        pytest.importorskip("numba")
        plain, chosen = (_link(two_bases, reconciliation=each).analysis().exchanged for each in ("cascade", name))
        assert chosen.fingerprints == plain.fingerprints
        assert chosen.corrected_errors == plain.corrected_errors
        assert chosen.disclosed_bits != plain.disclosed_bits

    def test_a_correction_that_cannot_be_had_is_refused_with_that_reason(self, two_bases, monkeypatch):
        monkeypatch.setattr(choice, "available", lambda: False)
        with pytest.raises(UsageError, match="needs numba: pip install"):
            _link(two_bases, reconciliation="cascade-fast").analysis()

    def test_unrelated_events_are_an_error_of_the_bench(self, tmp_path):
        """The message names the link."""
        random = np.random.default_rng(2)
        path = _write(tmp_path / "noise.txt", random.integers(0, 8, 4000), random.integers(0, 10**6, 4000))
        with pytest.raises(SynchronisationError, match="link pairs: no coincidence peak"):
            _link(path).run()

    def test_what_needs_a_device_is_refused_with_that_reason(self, two_bases):
        """It has no evidence level, so whatever requires one is skipped in words."""
        link = _link(two_bases)
        assert link.level is None
        with pytest.raises(MissingCapabilityError, match="link pairs is a recording: inter-click gaps take a live device"):
            link.require(EvidenceLevel.L3, "inter-click gaps")

    def test_three_settings_a_party_are_a_link_too(self, tmp_path):
        """Named in the bench file with their angles: the two common ones are corrected and verified, all of them give S."""
        random = np.random.default_rng(12)
        ticks = np.cumsum(random.integers(500, 100_000, 9000))
        a, b = random.integers(0, 3, (2, ticks.size))
        angles = np.radians([0.0, 22.5, 45.0])[a] - np.radians([0.0, 22.5, 67.5])[b]
        bit = random.integers(0, 2, ticks.size)
        his = np.where(random.random(ticks.size) < (1 + 0.95 * np.cos(2 * angles)) / 2, bit, 1 - bit)
        path = _write(tmp_path / "e91.txt", np.concatenate([2 * a + bit, 6 + 2 * b + his]), np.tile(ticks, 2))
        words = "0=a:P:0@0 1=a:P:1 2=a:R:0@22.5 3=a:R:1 4=a:Q:0@45 5=a:Q:1"
        words += " 6=b:P:0@0 7=b:P:1 8=b:R:0@22.5 9=b:R:1 10=b:T:0@67.5 11=b:T:1"
        seen = _link(path, channels=tuple(words.split())).analysis()
        same = (a == b) & (a < 2)
        assert seen.exchanged.agree
        assert seen.exchanged.corrected_bits == np.count_nonzero(same)
        assert seen.exchanged.corrected_errors == np.count_nonzero(same & (bit != his))
        assert abs(seen.chsh.value - 8**0.5 * 0.95) < 5 * seen.chsh.error
