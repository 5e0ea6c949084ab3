"""hil analyse: what it prints, writes and refuses, on recordings of known content."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hil.cli import main

PAIRS, WRONG, DELAY_TICKS = 3000, 60, 777
REAL = Path(__file__).parents[4] / "shared" / "data" / "photon_pairs.txt"


@pytest.fixture(scope="module")
def recording(tmp_path_factory) -> Path:
    """3000 pairs 1000 ticks of 100 ps apart or more, in two settings at random; 60 of those in one setting wrong."""
    random = np.random.default_rng(8)
    ticks = np.cumsum(random.integers(1000, 100_000, PAIRS))
    a, b, bit, other = random.integers(0, 2, (4, PAIRS))
    same = np.flatnonzero(a == b)
    wrong = np.isin(np.arange(PAIRS), random.choice(same, WRONG, replace=False))
    his = np.where(a == b, bit ^ wrong, other)
    channel = np.concatenate([2 * a + bit, 4 + 2 * b + his])
    times = np.concatenate([ticks, ticks + DELAY_TICKS])
    order = np.argsort(times, kind="stable")
    path = tmp_path_factory.mktemp("analyse") / "tags.txt"
    np.savetxt(path, np.stack([channel[order], times[order]], axis=1), fmt="%d")
    return path


def _run(capsys, *arguments):
    code = main(["analyse", *map(str, arguments)])
    return code, capsys.readouterr()


class TestTables:
    """What a person reads."""

    def test_everything_is_there_and_fits_eighty_columns(self, capsys, recording):
        """Delay, window, matrix, QBER, visibility and what is not supported; no line is longer."""
        code, said = _run(capsys, recording, "--tick", "100 ps", "--window", "2 ns")
        assert code == 0
        assert max(map(len, said.out.splitlines())) <= 80
        words = " ".join(said.out.split())
        for part in (
            "tags.txt Alice and Bob text 100 ps",
            "+77.7 ns (+777 ticks)",
            "2.1 ns (21 ticks)",
            "none seen",
            "coincidence matrix",
            "no claim of a secret key",
            "no claim of entanglement",
        ):
            assert part in words

    def test_the_peak_is_drawn_where_it_is(self, capsys, recording):
        """One bin holds all 3000, the window's carets stand below it."""
        _, said = _run(capsys, recording, "--tick", "100 ps", "--window", "2 ns")
        lines = said.out.splitlines()
        top = next(line for line in lines if re.match(r" *3,000 \|", line))
        axis = next(line for line in lines if line.strip().startswith("---") and "^" in line)
        carets = [place for place, sign in enumerate(axis) if sign == "^"]
        assert top.index("█") in carets
        assert carets == list(range(carets[0], carets[-1] + 1))
        assert top.count("█") == 1

    def test_an_output_of_ascii_alone_gets_that(self, recording):
        """Where the encoding has neither blocks nor signs, the picture and the words are still there."""
        environment = os.environ | {"PYTHONIOENCODING": "ascii"}
        command = [sys.executable, "-m", "hil.cli", "analyse", str(recording), "--tick", "100 ps"]
        done = subprocess.run(command, env=environment, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        said = done.stdout.decode("ascii")
        assert re.search(r"3,000 \| *#", said)
        assert " +- " in said
        assert "?" not in said


class TestJson:
    """What a program reads."""

    def test_counts_are_those_put_in(self, capsys, recording):
        """Pairs, errors, delay and matrix, exactly."""
        _, said = _run(capsys, recording, "--tick", "100 ps", "--window", "2 ns", "--json")
        told = json.loads(said.out)
        assert told["pairs"] == PAIRS == sum(map(sum, told["matrix"]))
        assert sum(one["errors"] for one in told["settings"]) == WRONG == told["sifted"]["errors"]
        assert (told["delay_ticks"], told["delay_s"]) == (DELAY_TICKS, pytest.approx(77.7e-9))
        assert told["sifted"]["visibility"] == pytest.approx(1 - 2 * WRONG / told["sifted"]["pairs"])
        assert told["chsh"] is None
        assert told["files"][0]["format"] == "text"

    def test_what_does_not_exist_is_null(self, capsys, recording):
        """Within a thousand ticks no other event is near, so no accidental and no ratio: JSON has no infinity."""
        _, said = _run(capsys, recording, "--tick", "100 ps", "--window", "0.4 ns", "--json")
        told = json.loads(said.out, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
        assert told["accidentals"] == 0
        assert told["coincidence_to_accidental_ratio"] is None

    def test_angles_give_s(self, capsys, recording):
        """Settings as bases of one angle each party: E are +-1 or about 0, S as the counts give it."""
        words = "0=a:P:0@0 1=a:P:1 2=a:Q:0@45 3=a:Q:1 4=b:P:0@22.5 5=b:P:1 6=b:Q:0@67.5 7=b:Q:1"
        _, said = _run(capsys, recording, "--tick", "100 ps", "--channels", words, "--json")
        told = json.loads(said.out)
        counts = np.array(told["matrix"]).reshape(2, 2, 2, 2)
        e = [
            [(block := counts[i, :, j, :]).trace() / block.sum() - np.fliplr(block).trace() / block.sum() for j in (0, 1)]
            for i in (0, 1)
        ]
        families = [abs(e[0][0] - e[0][1] + e[1][0] + e[1][1]), abs(-e[0][0] + e[0][1] + e[1][0] + e[1][1])]
        assert any(told["chsh"]["s"] == pytest.approx(value) for value in families)

    def test_only_the_first_seconds(self, capsys, recording):
        """Half of the recording has about half of its pairs."""
        whole = json.loads(_run(capsys, recording, "--tick", "100 ps", "--json")[1].out)
        half = json.loads(
            _run(capsys, recording, "--tick", "100 ps", "--json", "--seconds", str(whole["duration_s"] / 2))[1].out
        )
        assert half["duration_s"] == pytest.approx(whole["duration_s"] / 2, rel=1e-2)
        assert half["pairs"] == pytest.approx(PAIRS / 2, rel=0.1)


class TestFilesOfTheirOwn:
    """Alice's and Bob's."""

    def test_two_files_in_two_formats(self, capsys, recording, tmp_path):
        """Alice's as text and Bob's as quTAG raw of 1 ps: 100 ticks of his are one of hers."""
        channel, times = np.loadtxt(recording, dtype=np.int64).T
        hers = channel < 4
        alice, bob = tmp_path / "alice.txt", tmp_path / "bob.txt"
        np.savetxt(alice, np.stack([channel[hers], times[hers]], axis=1), fmt="%d")
        np.savetxt(bob, np.stack([channel[~hers] - 4, times[~hers]], axis=1), fmt="%d")
        code, said = _run(capsys, alice, bob, "--tick", "100 ps", "--json")
        told = json.loads(said.out)
        assert code == 0
        assert [Path(one["path"]).name for one in told["files"]] == ["alice.txt", "bob.txt"]
        assert told["pairs"] == PAIRS
        started = [one["start_s"] for one in told["files"]]
        assert started[1] - started[0] + told["delay_s"] == pytest.approx(77.7e-9, abs=1e-12)


def test_the_page_has_plot_and_tables(capsys, recording, tmp_path):
    """One self-contained page with the numbers, and no verdict made up."""
    page = tmp_path / "out.html"
    code, said = _run(capsys, recording, "--tick", "100 ps", "--html", page)
    text = page.read_text()
    assert code == 0
    assert f"page: {page}" in said.out
    for part in ("coincidence matrix", "coincidence windows", "<svg", "no claim of a secret key", "held against no limit"):
        assert part in text
    for part in ('class="badge', "https://", "Decision rules", "No verdict was reached"):
        assert part not in text


class TestMistakes:
    """One message each, with what to do; 4 for what was asked wrongly, 10 for what the recording does not show."""

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (("tag.txt", "--tick", "100 ps"), r"no such file; did you mean .*tags\.txt"),
            (("tags.txt",), r"does not say how long a tick is; declare it with --tick"),
            (("tags.txt", "--tick", "100"), r"--tick: .*no unit.*expected a time"),
            (("tags.txt", "--tick", "0 ps"), r"--tick 0 ps: expected a time above zero"),
            (("tags.txt", "--tick", "100 ps", "--window", "wide"), r"--window: "),
            (("tags.txt", "--tick", "100 ps", "--format", "qutag"), r"no format 'qutag'; did you mean 'qutag-"),
            (("tags.txt", "--tick", "1 ps", "--format", "qutag-raw"), r"(truncated|record \d+: found)"),
            (("tags.txt", "--format", "picoquant"), r"(PicoQuant header cannot be read|pip install)"),
            (("empty.dat",), r"is empty and holds no event"),
            (("tags.txt", "--tick", "100 ps", "--channels", "0=a:Z:0"), r"the channels give Bob none"),
            (("tags.txt", "--tick", "100 ps", "--channels", "0-a"), r"channel '0-a'; expected CHANNEL=PARTY:SETTING:BIT"),
            (("tags.txt", "--tick", "100 ps", "--seconds", "-1"), r"--seconds -1: expected a number above zero"),
            (("tags.txt", "--tick", "100 ps", "--html", "none/a.html"), r"there is no folder none; make it first"),
            (("tags.txt", "tags.txt", "--tick", "100 ps"), r"found '[4-7] \d+'; expected a channel of 0 to 3.*--channels"),
        ],
    )
    def test_what_was_asked_wrongly(self, capsys, recording, monkeypatch, arguments, words):
        """Exit code 4."""
        monkeypatch.chdir(recording.parent)
        (recording.parent / "empty.dat").touch()
        code, said = _run(capsys, *arguments)
        assert code == 4
        assert re.search(words, said.err), said.err
        assert said.err.count("\n") == 1
        assert not said.out

    def test_events_that_have_nothing_to_do_with_each_other(self, capsys, tmp_path):
        """Exit code 10: counts, and which options to look at."""
        random = np.random.default_rng(2)
        times = np.sort(random.integers(0, 10**6, 4000))
        np.savetxt(tmp_path / "noise.txt", np.stack([random.integers(0, 8, 4000), times], axis=1), fmt="%d")
        code, said = _run(capsys, tmp_path / "noise.txt", "--tick", "1 ns")
        assert code == 10
        assert "no coincidence peak" in said.err
        assert "--channels, --tick and --seconds" in said.err


@pytest.mark.skipif(not REAL.exists(), reason="the recorded pairs are not beside this checkout")
def test_the_recorded_pairs(capsys):
    """The counts published beside the file; no S, since no angle is known."""
    _, said = _run(capsys, REAL, "--tick", "156.25 ps", "--window", "1.25 ns", "--json")
    told = json.loads(said.out)
    assert told["matrix"] == [[279, 1, 0, 2], [0, 341, 1, 0], [0, 0, 95, 0], [0, 0, 0, 59]]
    assert [(one["errors"], one["pairs"]) for one in told["settings"]] == [(1, 621), (0, 154)]
    assert (told["delay_ticks"], told["chsh"]) == (1.0, None)
    assert math.isclose(told["sifted"]["qber"], 1 / 775)
    assert any("not bases chosen at random" in sentence for sentence in told["not_supported"])
