"""A test that is wrong itself is told apart from a bench that broke: its own words, its own exit code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import hil.suites.smoke as suite
from hil.plugin.cases import is_shipped

if TYPE_CHECKING:
    from collections.abc import Callable

pytest_plugins = ["pytester"]

WRONG = {
    "an argument": ("raise UsageError('macrobend_loss: loss_db = -3; expected 0 to 100')", "loss_db = -3"),
    "a file": ("raise GamedayFileError('day.toml', ())", "day.toml"),
    "a keyword": ("bench.begin('c', max=3)", "unexpected keyword argument 'max'"),
    "an attribute": ("bench.devises", "did you mean 'devices'?"),
    "a name": ("bensh.begin('c')", "name 'bensh' is not defined"),
    "a fixture's name": ("request.getfixturevalue('lnk')", "fixture 'lnk' not found"),
    "a fixture's use": ("request.getfixturevalue('link')", "name the fixture in the test's arguments"),
}


@pytest.mark.parametrize(("body", "said"), WRONG.values(), ids=list(WRONG))
def test_wrong_use_ends_with_4(project: Any, text: Callable[[Any], str], body: str, said: str) -> None:
    """With its place, once, and not as trouble of the bench."""
    project.write(f"def test_one(bench, request):\n    {body}\n")
    result = project.run()
    assert result.ret == 4
    (test,) = project.record.tests
    assert (test.outcome.value, test.wrong_use, project.record.exit_code) == ("ERROR", True, 4)
    assert test.reason.startswith("test_link.py:4: ")
    assert said in test.reason
    told = text(result)
    assert "1 wrong use" in result.outlines[-1]
    assert "[1/1] WRONG USE" in told
    assert "1 test is wrong and wants mending." in told
    assert "broke" not in told.replace("Nothing else broke", "")
    assert "ERRORS" not in told  # pytest's section: what it has to say is said already


DEEPER = """
import helper
@pytest.fixture
def lamp(bench):
    yield
    helper.slip()
def test_deeper(bench): helper.slip()
def test_broke(bench): raise BenchError("voa: no answer")
def test_both(bench): raise ExceptionGroup("", [UsageError("a"), BenchError("b")])
def test_while_leaving(lamp): raise UsageError("no such unit")
"""


def test_what_else_broke_stays_an_error(project: Any) -> None:
    """A slip below the test's own lines is not the test's, nor is a group of which one part broke."""
    (project.path / "helper.py").write_text("def slip():\n    None.nothing\n", encoding="utf-8")
    project.pytester.syspathinsert()
    project.write(DEEPER)
    assert project.run().ret == 10
    assert {test.outcome.value for test in project.record.tests} == {"ERROR"}
    assert not any(test.wrong_use for test in project.record.tests)


def test_fail_and_a_broken_bench_go_first(project: Any) -> None:
    """1, 10, 4, 11: in this order."""
    project.write("def test_a(bench): raise UsageError('x')\ndef test_b(bench): raise Inconclusive('few')\n")
    assert project.run().ret == 4
    project.write("def test_c(bench): raise BenchError('x')\n", "test_broken.py")
    assert project.run().ret == 10
    project.write("def test_d(bench): assert False\n", "test_failed.py")
    assert project.run().ret == 1


def test_a_bench_asked_for_wrongly_is_said_once(project: Any, text: Callable[[Any], str]) -> None:
    """Tapes that are not there are no broken bench."""
    project.pytester.makeconftest(
        "def pytest_hil_make_bench():\n    from hil.errors import UsageError\n    raise UsageError('no tape')\n"
    )
    project.write("def test_a(bench): pass\ndef test_b(bench): pass\n")
    result = project.run()
    assert result.ret == 4
    assert "2 tests (test_a[metro-25km] and others): bench metro-25km could not be opened" in " ".join(text(result).split())


def test_a_slip_in_a_shipped_suite_is_ours(tmp_path: Path) -> None:
    """Such a file's own lines are the framework's."""
    assert is_shipped(next(Path(suite.__path__[0]).glob("test_*.py")))
    assert not is_shipped(tmp_path / "test_mine.py")
