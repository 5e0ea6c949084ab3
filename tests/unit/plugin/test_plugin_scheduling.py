"""Who runs what under pytest-xdist, and what a dead worker leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hil.plugin.scheduling import scope_of

if TYPE_CHECKING:
    from collections.abc import Callable

pytest_plugins = ["pytester"]

WHERE = """
import os
def note(name):
    with open(f"ran-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}.txt", "a") as file:
        file.write(name + "\\n")
"""


def ran(project: Any) -> dict[str, list[str]]:
    """What each worker ran."""
    return {file.stem.removeprefix("ran-"): file.read_text().split() for file in sorted(project.path.glob("ran-*.txt"))}


class TestScope:
    """Which bench a node id belongs to."""

    @pytest.mark.parametrize(
        ("nodeid", "scope"),
        [
            ("a.py::test_x[rack]", "rack"),
            ("a.py::test_x[rack-metro-z0]", "rack"),
            ("a.py::test_x[rack-2-metro]", "rack-2"),
            ("a.py::test_x[rack2-metro]", "a.py::test_x[rack2-metro]"),
            ("a.py::test_rack", "a.py::test_rack"),
            ("rack.py::test_x[other]", "rack.py::test_x[other]"),
        ],
    )
    def test_longest_name_wins(self, nodeid: str, scope: str) -> None:
        """A bench named like the beginning of another is not mistaken for it."""
        assert scope_of(nodeid, ["rack-2", "rack"]) == scope


class TestSpread:
    """Benches of twins: one world for each worker."""

    def test_both_workers_have_a_bench_of_their_own(self, project: Any) -> None:
        """Tests spread, every worker opens once, the record is one."""
        project.write(WHERE + "@pytest.mark.parametrize('n', range(8))\n" + "def test_x(bench, n):\n    note(str(n))\n")
        result = project.run("-n", "2")
        assert result.ret == 0
        assert sorted(name for names in ran(project).values() for name in names) == [str(n) for n in range(8)]
        assert len(ran(project)) == 2
        assert project.opened() == ["metro-25km", "metro-25km"]
        assert len(project.outcomes()) == 8

    @pytest.mark.parametrize("arguments", [(), ("-n", "2")])
    def test_outcome_does_not_depend_on_workers(self, project: Any, arguments: tuple[str, ...]) -> None:
        """A failing test fails, an undecided one stays undecided, the exit code is the same."""
        project.write(
            "def test_a(bench): pass\ndef test_b(bench): raise Inconclusive('few')\n"
            "def test_c(link): raise ObjectiveMissedError('QBER')\ndef test_d(): pass\n"
        )
        assert project.run(*arguments).ret == 1
        assert list(project.outcomes().values()) == ["PASS", "INCONCLUSIVE", "FAIL"]

    def test_seed_is_one_for_all(self, project: Any) -> None:
        """The controller draws it."""
        project.write(
            "@pytest.mark.parametrize('n', range(6))\ndef test_x(bench, n):\n"
            "    open(f'seed-{n}', 'w').write(str(bench.seed))\n"
        )
        project.run("-n", "2")
        assert {file.read_text() for file in project.path.glob("seed-*")} == {str(project.record.seed)}

    def test_two_tests_of_one_id_are_refused(self, project: Any, text: Callable[[Any], str]) -> None:
        """Xdist would run one of them, and a failing one vanished that way."""
        for package in ("one", "two"):
            (project.path / package).mkdir()
            (project.path / package / "__init__.py").touch()
            project.write("def test_x(bench): assert __name__.startswith('one')\n", f"{package}/test_x.py")
        project.pytester.syspathinsert()
        elsewhere = project.path / "elsewhere"
        elsewhere.mkdir()
        result = project.run("-n", "2", "--rootdir", str(elsewhere), "--pyargs", "one", "two")
        assert result.ret == 4
        assert "several tests have one id" in text(result)
        assert "test_x[metro-25km]" in text(result)


class TestTogether:
    """A bench with real addresses is there once."""

    def test_all_its_tests_on_one_worker(self, project: Any) -> None:
        """Other tests go where there is room."""
        project.write(
            WHERE
            + "@pytest.mark.parametrize('n', range(6))\ndef test_x(bench, n): note('real')\n"
            + "@pytest.mark.parametrize('n', range(6))\ndef test_y(n): note('plain')\n"
        )
        assert project.run("-n", "2", bench=project.real_bench()).ret == 0
        assert sorted(names.count("real") for names in ran(project).values()) in ([6], [0, 6])
        assert project.opened() == ["rack"]

    def test_each_worker_cannot_have_it(self, project: Any, text: Callable[[Any], str]) -> None:
        """--dist each is refused."""
        project.write("def test_x(bench): pass\n")
        result = project.run("--dist", "each", "--tx", "2*popen", bench=project.real_bench())
        assert result.ret == 4
        assert "bench rack has real addresses and serves one" in text(result)


class TestDeadWorker:
    """A worker that is killed in the middle of a test."""

    SOURCE = WHERE + (
        "import signal\n"
        "@pytest.mark.parametrize('n', range(4))\n"
        "def test_x(bench, n):\n"
        "    note(str(n))\n"
        "    if n == 1: os.kill(os.getpid(), signal.SIGKILL)\n"
    )

    @pytest.mark.skipif(not hasattr(__import__("signal"), "SIGKILL"), reason="needs SIGKILL, which Windows lacks")
    @pytest.mark.parametrize("real", [False, True])
    def test_its_test_is_an_error_and_runs_once(self, project: Any, real: bool) -> None:
        """The record says whose worker died; the tests after it run in the worker's replacement."""
        project.write(self.SOURCE)
        bench = project.real_bench() if real else "metro-25km"
        name = "rack" if real else "metro-25km"
        result = project.spawn("-n", "2", bench=bench)
        assert result.ret == 10
        outcomes = project.outcomes()
        assert outcomes.pop(f"test_link::test_x[{name}-1]") == "ERROR"
        assert set(outcomes.values()) == {"PASS"}
        assert len(outcomes) == 3
        died = next(test for test in project.record.tests if test.outcome.value == "ERROR")
        assert "died while this test ran" in died.reason
        assert sorted(name for names in ran(project).values() for name in names) == ["0", "1", "2", "3"]
        assert not list((project.path / ".hil" / "latest").glob("running-*"))
