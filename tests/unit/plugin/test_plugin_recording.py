"""What a run leaves behind, and under which names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hil.discovery import names

if TYPE_CHECKING:
    from collections.abc import Callable

pytest_plugins = ["pytester"]


class TestCaseIds:
    """A test's name in records and seeds, however it was found."""

    SOURCE = (
        "class TestKeys:\n"
        "    def test_equal(self, link):\n"
        "        assert link.testbed.case == 'lab.test_keys::TestKeys::test_equal[metro-25km-metro]'\n"
        "@pytest.mark.parametrize('km', [25, 80])\n"
        "def test_loss(bench, km): pass\n"
    )
    IDS = (
        "lab.test_keys::TestKeys::test_equal[metro-25km-metro]",
        "lab.test_keys::test_loss[metro-25km-25]",
        "lab.test_keys::test_loss[metro-25km-80]",
    )

    @pytest.mark.parametrize(
        "arguments",
        [(), ("lab",), ("lab/test_keys.py",), ("--pyargs", "lab.test_keys"), ("-n", "2"), ("--import-mode=importlib",)],
    )
    def test_same_for_every_way_to_run(self, project: Any, arguments: tuple[str, ...]) -> None:
        """Path, module name or parallel: the case id is one, and it is what the testbed seeds with."""
        project.write(self.SOURCE, "lab/test_keys.py")
        (project.path / "lab" / "__init__.py").touch()
        project.pytester.syspathinsert()
        assert project.run(*arguments).ret == 0
        assert tuple(project.outcomes()) == self.IDS

    def test_of_a_shipped_suite(self, project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """Below suites/ only the rest counts, in a checkout as in an installed package."""
        for place in ("checkout", "site-packages/hil"):
            root = project.path / place
            cases = root / "hil" / "plugin" / "cases.py" if place == "checkout" else root / "plugin" / "cases.py"
            cases.parent.mkdir(parents=True)
            cases.touch()
            project.write("def test_one(bench): pass\n", f"{place}/suites/conformance/test_one.py")
        assert project.run("--import-mode=importlib", "checkout").ret == 0
        assert list(project.outcomes()) == ["conformance.test_one::test_one[metro-25km]"]

    def test_two_tests_of_one_case(self, project: Any, text: Callable[[Any], str]) -> None:
        """They would be one in the record, so the run does not start."""
        for folder in ("a.b", "a/b"):
            project.write("def test_one(bench): pass\n", f"{folder}/test_one.py")
        result = project.run("--import-mode=importlib")
        assert result.ret == 4
        assert "several tests have one case id: a.b.test_one::test_one[metro-25km]" in text(result)
        assert project.opened() == []


class TestRecord:
    """The folder of a run."""

    def test_says_what_the_run_was(self, project: Any) -> None:
        """Bench, seed, command, titles, durations and devices come from the run itself."""
        project.write('def test_one(bench):\n    """Alice and Bob agree.\n\n    At length.\n    """\n')
        project.run("--hil-seed", "9")
        record = project.record
        assert (record.bench, record.simulated, record.seed) == ("metro-25km", True, 9)
        assert "--hil-bench metro-25km" in record.command
        assert record.tests[0].title == "Alice and Bob agree."
        assert len(record.bench_hash) == 64
        assert record.problems == ()

    def test_every_report_is_written(self, project: Any) -> None:
        """Each reporter that is installed leaves its file, where it has something to say, and the end names what to open."""
        project.write("def test_one(bench): pass\n")
        result = project.run()
        folder = (project.path / ".hil" / "latest").resolve()
        written = {path.name for path in folder.iterdir()} - {"record.json", "events-main.jsonl"}
        assert len(written) == len(set(names("reporter")) - {"post-mortem"})  # there was no game day
        assert "post-mortem.md" not in written
        page = folder / "report.html"
        shown = (page if page.exists() else folder).relative_to(project.path)
        assert f"report: {shown}" in result.outlines

    def test_exact_folder(self, project: Any) -> None:
        """--hil-record puts it where a CI job collects it."""
        project.write("def test_one(bench): pass\n")
        project.run("--hil-record", "out/here")
        assert (project.path / "out" / "here" / "record.json").is_file()
        assert not (project.path / ".hil").exists()

    def test_report_that_cannot_be_written(self, project: Any, text: Callable[[Any], str]) -> None:
        """The others are written, the run is not passed, and it says why."""
        (project.path / "out" / "junit.xml").mkdir(parents=True)
        project.write("def test_one(bench): pass\n")
        result = project.run("--hil-record", "out")
        assert result.ret == 10
        assert "report junit could not be written: IsADirectoryError" in text(result)
        assert (project.path / "out" / "report.md").is_file()

    def test_trouble_while_leaving_the_bench(self, project: Any) -> None:
        """A bench that cannot be parked in the end is an ERROR of the run."""
        project.write(
            "def test_one(bench, monkeypatch):\n"
            "    def close(): raise BenchError('voa: was not parked')\n"
            "    bench.close = close\n"
        )
        assert project.run().ret == 10
        assert project.outcomes()["metro-25km::closing"] == "ERROR"
        assert project.record.tests[0].reason == "voa: was not parked"

    def test_test_that_ended_the_run(self, project: Any) -> None:
        """Ctrl-C in a test: it is an ERROR, its fixtures are torn down, the bench is left, the exit code is 2."""
        project.write("def test_one(bench): pass\ndef test_two(bench): raise KeyboardInterrupt\ndef test_three(bench): pass\n")
        result = project.spawn()
        assert result.ret == 2
        assert project.outcomes() == {
            "test_link::test_one[metro-25km]": "PASS",
            "test_link::test_two[metro-25km]": "ERROR",
        }
        assert project.record.tests[1].reason == "the run was interrupted while this test ran"
        assert project.record.outcome.value == "ERROR"
        assert (project.path / "closed.txt").read_text().split() == ["metro-25km"]

    def test_own_telemetry_is_kept(self, project: Any) -> None:
        """Samples of the fixture go to the testbed when the test ends, labels in front of the name."""
        project.write(
            "def test_one(telemetry, link, request):\n"
            "    telemetry.record('rate_hz', 5.0, 0.0, {'detector': 'z0'})\n"
            "    def look():\n"
            "        [(name, series)] = link.testbed.said\n"
            "        assert name == 'metro' and list(series) == ['z0.rate_hz']\n"
            "    link.testbed.end = look\n"
        )
        assert project.run().ret == 0

    def test_progress_without_a_terminal(self, project: Any) -> None:
        """One line per test: how many, outcome, what it does, bench time, wall time."""
        project.write('def test_one(link, clock):\n    """Keys are made."""\n    clock.sleep(12)\ndef test_plain(): pass\n')
        project.run().stdout.fnmatch_lines(["[[]1/2] PASS * Keys are made. [[]metro-25km-metro]: 12.0 s on the bench, 0.* s*"])


class TestHooks:
    """What a conftest may add."""

    def test_measurements_and_safe_state(self, project: Any) -> None:
        """Each verdict is handed over once, in the end; the safe state is asked for after each test."""
        conftest = project.path / "conftest.py"
        conftest.write_text(
            conftest.read_text()
            + "\ndef pytest_hil_report_measurement(config, verdict):\n"
            + "    print('MEASURED', verdict.indicator, verdict.outcome.value)\n"
            + "def pytest_hil_safe_state(config, testbed):\n"
            + "    print('SAFE', testbed.name, repr(testbed.case))\n"
        )
        project.write(
            "def test_one(bench):\n"
            "    bench.log.append('verdict', bench.case, indicator='qber', subject='metro', outcome='PASS', reason='1.3 %')\n"
            "def test_two(bench): assert False\n"
        )
        result = project.run("-s")
        assert [line for line in result.outlines if line.startswith("MEASURED")] == ["MEASURED qber PASS"]
        assert result.outlines.count("SAFE metro-25km ''") == 2


class TestUnused:
    """The plugin is installed and no bench is named."""

    def test_imports_nothing_heavy(self, project: Any) -> None:
        """Neither numbers nor instruments nor records are loaded for somebody else's tests."""
        project.write(
            "import sys\n"
            "HEAVY = ['numpy', 'scipy', 'msgspec', 'pyvisa', 'serial', 'rich', 'jinja2', 'cryptography',\n"
            "         'hil.record', 'hil.bench', 'hil.testbed', 'hil.reports', 'hil.plugin.activation']\n"
            "def test_one(): assert [name for name in HEAVY if name in sys.modules] == []\n"
        )
        conftest = project.path / "conftest.py"
        conftest.unlink()
        (project.path / "test_link.py").write_text(
            (project.path / "test_link.py").read_text().replace("from hil.errors import *", "")
        )
        result = project.spawn(bench="")
        assert result.ret == 0, result.stdout.str()

    def test_xdist_is_not_needed(self, project: Any) -> None:
        """Its hooks are optional."""
        project.write("def test_one(bench): pass\n")
        assert project.spawn("-p", "no:xdist").ret == 0
