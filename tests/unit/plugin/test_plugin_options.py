"""What the user may say, and what is said to nonsense."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

pytest_plugins = ["pytester"]

SEED = "def test_seed(bench):\n    assert bench.seed == {seed}\n"


class TestPrecedence:
    """An option goes before its ini key, and that before its environment variable."""

    def test_environment_alone_is_enough(self, project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """CI systems set variables, not options."""
        monkeypatch.setenv("HIL_BENCH", "metro-25km")
        monkeypatch.setenv("HIL_SEED", "11")
        project.write(SEED.format(seed=11))
        assert project.run(bench="").ret == 0
        assert project.record.bench == "metro-25km"

    def test_ini_goes_before_environment(self, project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """A project's own choice beats the machine's."""
        monkeypatch.setenv("HIL_BENCH", "recorded-pairs")
        monkeypatch.setenv("HIL_SEED", "11")
        project.pytester.makeini("[pytest]\nhil_bench = metro-25km\nhil_seed = 12\n")
        project.write(SEED.format(seed=12))
        assert project.run(bench="").ret == 0

    def test_option_goes_before_ini(self, project: Any) -> None:
        """What is typed wins."""
        project.pytester.makeini("[pytest]\nhil_bench = recorded-pairs\nhil_seed = 12\n")
        project.write(SEED.format(seed=13))
        assert project.run("--hil-seed", "13").ret == 0

    def test_folder_of_an_ini_key_is_beside_the_ini_file(self, project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """An option's path starts where the user stands, an ini key's where the file is."""
        project.pytester.makeini("[pytest]\nhil_record = out/run\n")
        project.write("def test_one(bench): pass\n", "sub/test_one.py")
        monkeypatch.chdir(project.path / "sub")
        assert project.run().ret == 0
        assert (project.path / "out" / "run" / "record.json").is_file()
        assert project.run("--hil-record", "typed").ret == 0
        assert (project.path / "sub" / "typed" / "record.json").is_file()


class TestNonsense:
    """Exit code 4, one message that says what was found and what is accepted, and no traceback."""

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("--hil-bench", "metro-25kn"), "did you mean 'metro-25km'?"),
            (
                ("--hil-bench", "metro-25km", "--hil-seed", "x", "--hil-lease", "3x", "--hil-guard", "foo"),
                "--hil-guard: found 'foo'",
            ),
            (
                ("--hil-bench", "metro-25km", "--hil-guard", "foo", "--hil-lease", "3x", "--hil-seed", "x"),
                "--hil-seed: found 'x'",
            ),
            (("--hil-guard", "lab:7440"), "--hil-guard: found 'lab:7440'; expected unix:PATH, tcp://HOST:PORT or local"),
            (("--hil-lease", "0.5 s"), "--hil-lease: found '0.5 s'; expected 1 s or more"),
            (("--hil-lease", "soon"), "--hil-lease: "),
            (("--hil-seed", "twelve"), "--hil-seed: found 'twelve'; expected an integer from 0 to 2**63 - 1"),
            (("--hil-seed=-1",), "--hil-seed: found '-1'; expected an integer"),
            (("--hil-bench", "recorded-pairs"), "is a recording without a file; give one with --hil-recording FILE"),
            (("--hil-tape", "play"), "--hil-tape: found 'play'; expected record or replay"),
            (("--hil-tape-mode", "loose"), "--hil-tape-mode: found 'loose'; expected strict or keyed"),
            (("--hil-tape-dir", "tapes"), "say with --hil-tape whether to record there or to replay from there"),
            (("--hil-tape", "replay"), "has tapes; give their folder with --hil-tape-dir"),
            (("--hil-tape", "record", "-n", "2"), "--hil-tape=record: a tape is one order of things; leave -n out"),
            (("--hil-recording", "nothing.txt"), "no bench of this run is a recording"),
            (("--hil-bench", "recorded-pairs", "--hil-recording", "nothing.txt"), "nothing.txt: no such file"),
        ],
    )
    def test_options(self, project: Any, text: Callable[[Any], str], arguments: tuple[str, ...], message: str) -> None:
        """Each mistake names the accepted form."""
        project.write("def test_one(bench): pass\n")
        result = project.run(*arguments, bench="" if "--hil-bench" in arguments else "metro-25km")
        assert result.ret == 4
        assert message in text(result)
        assert "Traceback" not in text(result)
        assert not (project.path / ".hil").exists()

    def test_flag_of_an_ini_file(self, project: Any, text: Callable[[Any], str]) -> None:
        """A word that is neither yes nor no is named with its place."""
        project.pytester.makeini("[pytest]\nhil_simulate = perhaps\n")
        project.write("def test_one(bench): pass\n")
        result = project.run()
        assert result.ret == 4
        assert "ini key hil_simulate: found 'perhaps'; expected true or false" in text(result)

    def test_every_mistake_of_a_bench_file(self, project: Any, text: Callable[[Any], str]) -> None:
        """All mistakes at once, with file, key and accepted form, and nothing is opened."""
        file = project.real_bench('[device.odd]\nrole = "switch"\ndriver = "agiltron-ff1x5"\nadress = "x"\n')
        project.write("def test_one(bench): pass\n")
        result = project.run(bench=file)
        said = text(result)
        assert result.ret == 4
        assert "rack.toml: 3 mistakes" in said or "rack.toml: 2 mistakes" in said
        assert "device.odd.driver" in said
        assert "agiltron-ff1x4" in said
        assert "device.odd.adress" in said
        assert "Traceback" not in said
        assert project.opened() == []

    def test_two_benches_of_one_name(self, project: Any, text: Callable[[Any], str]) -> None:
        """Their tests could not be told apart."""
        project.write("def test_one(bench): pass\n")
        copy = project.path / "copy.toml"
        copy.write_text((project.path / project.real_bench()).read_text())
        result = project.run("--hil-bench", str(copy), bench=project.real_bench())
        assert result.ret == 4
        assert "a second bench of the name 'rack'" in text(result)

    def test_record_that_is_a_file(self, project: Any, text: Callable[[Any], str]) -> None:
        """A file in the way is said before the first test."""
        (project.path / "taken").write_text("")
        project.write("def test_one(bench): pass\n")
        result = project.run("--hil-record", "taken")
        assert result.ret == 4
        assert "found a file; expected a folder" in text(result)
        assert project.opened() == []


class TestHeader:
    """The lines above the tests."""

    def test_bench_kind_pins_and_seed(self, project: Any) -> None:
        """Enough to repeat the run and to know what it was run on."""
        project.write("def test_one(bench): pass\n")
        result = project.run("--hil-seed", "5")
        result.stdout.fnmatch_lines([
            "hil: bench metro-25km (simulated, 8 twins), links: metro",
            "hil: firmware required: alice ~=2.4, bob ~=2.4",
            "hil: seed 5 (--hil-seed 5 repeats this run), record *",
        ])  # fmt: skip

    def test_seed_is_drawn_and_shown(self, project: Any) -> None:
        """Without an option each run has a seed of its own, in the record too."""
        project.write("def test_one(bench): pass\n")
        seeds = []
        for _ in range(2):
            project.run()
            seeds.append(project.record.seed)
        assert seeds[0] != seeds[1]

    def test_firmware_that_was_found(self, project: Any) -> None:
        """Said once, when the bench is open."""
        project.write("def test_one(bench): pass\ndef test_two(bench): pass\n")
        result = project.run()
        assert result.outlines.count("hil: bench metro-25km is open; firmware: alice 2.4.1") == 1


def test_a_person_at_the_debugger_is_not_a_hung_test(project: Any) -> None:
    """While pytest's debugger waits for words, nobody expects a sign of life; afterwards again."""
    project.write(
        """
def test_thinks(bench, request):
    hook = request.config.hook
    hook.pytest_enter_pdb(config=request.config, pdb=None)
    assert bench.pulse._owner is None
    hook.pytest_leave_pdb(config=request.config, pdb=None)
    assert bench.pulse._owner is not None
"""
    )
    assert project.run().ret == 0


def test_the_lease_is_the_testbeds_unless_said_otherwise() -> None:
    """Said twice, so that an unused plugin need not import the testbed."""
    from hil.plugin import options
    from hil.testbed.guard import lease

    assert options.LEASE_S == lease.LEASE_S
