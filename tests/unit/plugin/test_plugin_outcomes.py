"""What an exception means, and the exit code it gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hil.errors import (
    AuthenticationError,
    BenchError,
    EnvelopeError,
    FaultWithoutEvidenceError,
    HealingError,
    Inconclusive,
    MissingCapabilityError,
    NotAGateError,
    ObjectiveMissedError,
    UsageError,
)
from hil.plugin.outcomes import classify
from hil.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

pytest_plugins = ["pytester"]


class TestClassify:
    """The table of DESIGN's outcomes."""

    @pytest.mark.parametrize(
        ("error", "when", "outcome"),
        [
            (ObjectiveMissedError("qber"), "call", Outcome.FAIL),
            (ObjectiveMissedError("qber"), "setup", Outcome.FAIL),
            (AssertionError("keys differ"), "call", Outcome.FAIL),
            (AssertionError("in a fixture"), "setup", Outcome.ERROR),
            (AssertionError("in a fixture"), "teardown", Outcome.ERROR),
            (BenchError("no answer"), "call", Outcome.ERROR),
            (EnvelopeError("voa", "too far"), "call", Outcome.ERROR),
            (FaultWithoutEvidenceError("nothing to see"), "call", Outcome.ERROR),
            (HealingError("still dark"), "teardown", Outcome.ERROR),
            (AuthenticationError("a tag is wrong"), "call", Outcome.ERROR),
            (UsageError("no such unit"), "call", Outcome.ERROR),
            (ZeroDivisionError(), "call", Outcome.ERROR),
            (Inconclusive("12 counts"), "call", Outcome.INCONCLUSIVE),
            (MissingCapabilityError("no switch"), "call", Outcome.SKIPPED),
            (NotAGateError("too short for 99.9 %"), "call", Outcome.SKIPPED),
            (pytest.fail.Exception("DID NOT RAISE"), "call", Outcome.FAIL),
            (pytest.fail.Exception("Timeout (>120.0s) from pytest-timeout."), "call", Outcome.ERROR),
            (BaseExceptionGroup("", [MissingCapabilityError("a"), BenchError("b")]), "teardown", Outcome.ERROR),
            (ExceptionGroup("", [AssertionError("a"), BenchError("b")]), "call", Outcome.FAIL),
        ],
    )
    def test_means(self, error: BaseException, when: str, outcome: Outcome) -> None:
        """FAIL is about the device, ERROR about the bench or the framework."""
        assert classify(error, when) is outcome


class TestRuns:
    """Outcomes as a run shows and records them."""

    @pytest.mark.parametrize(
        ("body", "outcome", "code", "summary"),
        [
            ("pass", "PASS", 0, "1 passed"),
            ("raise ObjectiveMissedError('QBER of 5.1 % is above 2 %')", "FAIL", 1, "1 failed"),
            ("assert 1 == 2", "FAIL", 1, "1 failed"),
            ("raise BenchError('voa: no answer')", "ERROR", 10, "1 error"),
            ("1 / 0", "ERROR", 10, "1 error"),
            ("bench.trouble = 'the fibre is still cut'", "ERROR", 10, "1 error"),
            ("raise Inconclusive('12 counts are too few')", "INCONCLUSIVE", 11, "1 inconclusive"),
            ("raise MissingCapabilityError('no switch')", "SKIPPED", 11, "1 skipped"),
            ("raise NotAGateError('availability takes 30 days')", "SKIPPED", 11, "1 skipped"),
            ("pytest.skip('not today')", "SKIPPED", 11, "1 skipped"),
            ("pytest.xfail('known')", "SKIPPED", 11, "1 xfailed"),
        ],
    )
    def test_exit_code(self, project: Any, body: str, outcome: str, code: int, summary: str) -> None:
        """A run of one test: 0, 1, 10 or 11, and nothing decided is 11."""
        project.write(f"def test_one(bench): {body}\n")
        result = project.run()
        assert result.ret == code
        assert project.outcomes() == {"test_link::test_one[metro-25km]": outcome}
        assert project.record.exit_code == code
        assert summary in result.outlines[-1]

    def test_worst_decides(self, project: Any) -> None:
        """FAIL goes before ERROR, ERROR before INCONCLUSIVE; all of them are in the record."""
        project.write(
            "def test_a(bench): pass\ndef test_b(bench): raise Inconclusive('few')\ndef test_c(bench): raise BenchError('x')\n"
        )
        assert project.run().ret == 10
        project.write("def test_d(bench): assert False\n", "test_more.py")
        assert project.run().ret == 1
        assert sorted(project.outcomes().values()) == ["ERROR", "FAIL", "INCONCLUSIVE", "PASS"]

    def test_reason_is_the_message(self, project: Any, text: Callable[[Any], str]) -> None:
        """What was raised on purpose is said with its place in the test, without a traceback through the framework."""
        project.write("def test_one(bench):\n    raise ObjectiveMissedError('QBER of 5.1 % is above 2 %')\n")
        result = project.run()
        assert "test_link.py:4: QBER of 5.1 % is above 2 %" in text(result)
        assert "raise ObjectiveMissedError" not in text(result)
        assert project.record.tests[0].reason == "QBER of 5.1 % is above 2 %"

    def test_unexpected_exception_keeps_its_traceback(self, project: Any, text: Callable[[Any], str]) -> None:
        """A bug has to be found."""
        project.write("def test_one(bench):\n    oops = 0\n    1 / oops\n")
        result = project.run()
        assert ">       1 / oops" in text(result)
        assert "ERROR at call of test_one[metro-25km]" in text(result)
        assert project.record.tests[0].reason == "ZeroDivisionError: division by zero"

    def test_fixture_of_the_user(self, project: Any) -> None:
        """Trouble in a fixture is no FAIL of the device."""
        project.write("@pytest.fixture\ndef lamp(bench): assert False, 'no lamp'\ndef test_one(lamp): pass\n")
        assert project.run().ret == 10
        assert project.record.tests[0].reason == "no lamp"

    def test_quiet_run_shows_letters(self, project: Any) -> None:
        """As pytest does, with I for undecided."""
        project.write(
            "def test_a(bench): pass\ndef test_b(bench): raise Inconclusive('few')\ndef test_c(bench): raise BenchError('x')\n"
            "def test_d(bench): raise MissingCapabilityError('none')\n"
        )
        result = project.run("-q")
        assert result.outlines[0].startswith(".IEs ")


class TestOrdinaryTests:
    """Tests that use nothing of ours, in the same session."""

    def test_keep_their_own_outcomes(self, project: Any) -> None:
        """Their failures are 1 as always, and they are in no record."""
        project.write("def test_a(bench): pass\ndef test_b(): 1 / 0\ndef test_c(): pass\n")
        result = project.run()
        result.assert_outcomes(passed=2, failed=1)
        assert result.ret == 1
        assert list(project.outcomes()) == ["test_link::test_a[metro-25km]"]
        assert project.record.exit_code == 1

    @pytest.mark.parametrize(("source", "code"), [("def test_a(): pass\n", 0), ("def test_a(): assert 0\n", 1), ("", 11)])
    def test_session_without_ours(self, project: Any, source: str, code: int) -> None:
        """A bench changes nothing for them: no record, nothing opened; no test at all on a bench asked for decides nothing."""
        project.write(source)
        assert project.run().ret == code
        assert not (project.path / ".hil").exists()
        assert project.opened() == []

    def test_collect_only_leaves_nothing(self, project: Any) -> None:
        """Looking is free."""
        project.write("def test_a(bench): pass\n")
        assert project.run("--collect-only").ret == 0
        assert not (project.path / ".hil").exists()


class TestBenchThatDoesNotOpen:
    """Unreachable, wrong firmware, a port in use."""

    BROKEN = (
        "\ndef pytest_hil_make_bench(bench):\n"
        "    with open('opened.txt', 'a') as file: file.write('try\\n')\n"
        "    raise BenchError('2 of 8 devices cannot be used\\n  voa: no answer\\n  meter: firmware 1.0, expected ~=2.4')\n"
    )

    @pytest.mark.parametrize("verbosity", ["-q", "-rA", "-v"])
    def test_is_said_once(self, project: Any, text: Callable[[Any], str], verbosity: str) -> None:
        """Every test is an ERROR with that message, the terminal shows it once, and nothing is tried again."""
        conftest = project.path / "conftest.py"
        conftest.write_text(conftest.read_text() + self.BROKEN)
        project.write("def test_a(link): pass\ndef test_b(link): pass\ndef test_c(detector): pass\n")
        result = project.run(verbosity)
        assert result.ret == 10
        assert project.opened() == ["try"]
        assert {test.outcome.value for test in project.record.tests} == {"ERROR"}
        assert all("meter: firmware 1.0, expected ~=2.4" in test.reason for test in project.record.tests)
        assert text(result).count("firmware 1.0") == 1
        assert "Traceback" not in text(result)
        assert "conftest.py" not in text(result)

    def test_unexpected_exception(self, project: Any, text: Callable[[Any], str]) -> None:
        """A bug in a driver is shown where it is, once."""
        conftest = project.path / "conftest.py"
        conftest.write_text(conftest.read_text() + self.BROKEN.replace("raise BenchError", "raise RuntimeError"))
        project.write("def test_a(link): pass\ndef test_b(link): pass\n")
        result = project.run()
        assert result.ret == 10
        assert project.opened() == ["try"]
        assert text(result).count("E       RuntimeError") == 1


class TestHook:
    """pytest_hil_classify_failure goes before the plugin's own rules."""

    def test_overrides(self, project: Any) -> None:
        """A lab may know better what its instrument's exception means."""
        conftest = project.path / "conftest.py"
        conftest.write_text(
            conftest.read_text()
            + "\nfrom hil.verdict import Outcome\n"
            + "def pytest_hil_classify_failure(item, when, error):\n"
            + "    return Outcome.INCONCLUSIVE if isinstance(error, OverflowError) and when == 'call' else None\n"
        )
        project.write("def test_a(bench): raise OverflowError('saturated')\ndef test_b(bench): raise BenchError('x')\n")
        project.run()
        assert list(project.outcomes().values()) == ["INCONCLUSIVE", "ERROR"]
