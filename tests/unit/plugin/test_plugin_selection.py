"""Which tests run where, under which id, and why not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

pytest_plugins = ["pytester"]


def ids(result: pytest.RunResult) -> list[str]:
    return [line.partition("::")[2] for line in result.outlines if "::" in line]


class TestWithoutABench:
    """The plugin is installed, no bench is named."""

    def test_skips_and_names_the_option(self, project: Any) -> None:
        """A newcomer learns what to type."""
        project.write("def test_one(link): pass\ndef test_two(): pass\n")
        result = project.run("-rs", bench="")
        result.assert_outcomes(passed=1, skipped=1)
        assert result.ret == 0
        result.stdout.fnmatch_lines("SKIPPED*needs a bench: name one with --hil-bench*")
        result.stdout.fnmatch_lines("hil: 1 test was skipped: it needs a bench: name one with --hil-bench*")
        assert not (project.path / ".hil").exists()

    def test_markers_are_known(self, project: Any) -> None:
        """Strict markers accept them with and without a bench."""
        project.write(
            '@pytest.mark.hil_level("L3")\n@pytest.mark.hil_needs("switch")\n@pytest.mark.hil_disturbs("switch")\n'
            "def test_one(link): pass\n"
        )
        project.run("--strict-markers", bench="").assert_outcomes(skipped=1)
        project.run("--strict-markers").assert_outcomes(passed=1)


class TestIds:
    """A test runs on every bench, link and detector that exists, and says so in its id."""

    def test_as_fine_as_the_fixtures_ask(self, project: Any) -> None:
        """Bench, link or detector; an ordinary test and a parametrized one stay what they are."""
        project.write(
            "def test_a(bench): pass\n"
            "def test_b(link): pass\n"
            "def test_c(detector, receiver): pass\n"
            "@pytest.mark.parametrize('loss_db', [1, 2])\n"
            "def test_d(bench, loss_db): pass\n"
            "def test_e(): pass\n"
        )
        assert ids(project.run("--collect-only", "-q")) == [
            "test_a[metro-25km]",
            "test_b[metro-25km-metro]",
            "test_c[metro-25km-metro-z0]",
            "test_c[metro-25km-metro-z1]",
            "test_c[metro-25km-metro-x0]",
            "test_c[metro-25km-metro-x1]",
            "test_d[metro-25km-1]",
            "test_d[metro-25km-2]",
            "test_e",
        ]
        assert project.opened() == []

    def test_several_benches_one_after_the_other(self, project: Any) -> None:
        """Tests of one bench stay together, so that it is opened once and left once."""
        project.write("def test_a(bench): pass\ndef test_b(bench): pass\n")
        result = project.run("--hil-bench", "metro-25km-black-box", "-v")
        started = [line.split()[0].partition("::")[2] for line in result.outlines if line.startswith("test_link.py::")]
        assert started == [
            "test_a[metro-25km]",
            "test_b[metro-25km]",
            "test_a[metro-25km-black-box]",
            "test_b[metro-25km-black-box]",
        ]
        assert project.opened() == ["metro-25km", "metro-25km-black-box"]

    def test_users_own_clock_is_no_bench_fixture(self, project: Any) -> None:
        """A fixture of the same name in the user's project changes nothing, and a test that uses it is an ordinary one."""
        project.write(
            "@pytest.fixture\ndef clock(): return 'mine'\n"
            "def test_a(clock): assert clock == 'mine'\n"
            "def test_b(clock, link): assert link.testbed.clock.virtual\n"
        )
        project.run().assert_outcomes(passed=2)
        assert list(project.outcomes()) == ["test_link::test_b[metro-25km-metro]"]

    def test_bench_without_a_link(self, project: Any) -> None:
        """Its link tests are skipped with that reason."""
        project.write("def test_a(link): pass\ndef test_b(detector): pass\ndef test_c(bench): pass\n")
        result = project.run("-rs", bench=project.real_bench())
        result.assert_outcomes(passed=1, skipped=2)
        result.stdout.fnmatch_lines("SKIPPED*bench rack has no link")

    def test_bench_asked_for_at_run_time(self, project: Any) -> None:
        """It could not be in the id, so the test is told to ask in its arguments."""
        project.write("def test_a(request): request.getfixturevalue('link')\n")
        result = project.run()
        result.stdout.fnmatch_lines("*name the fixture in the test's arguments*")
        assert result.ret == 1


class TestMarkers:
    """What a test needs, and which bench it may disturb."""

    @pytest.mark.parametrize(
        ("marker", "bench", "reason"),
        [
            ('hil_needs("recording")', "metro-25km", "bench metro-25km has no recording"),
            ('hil_needs("switch")', "rack", "bench rack has no switch"),
            ('hil_needs("twin")', "rack", "bench rack is not simulated (meter, voa), and this test injects into a twin"),
            ('hil_needs(features=("flux-capacitor",))', "rack", "no device of bench rack can do 'flux-capacitor'"),
            ('hil_level("L2")', "metro-25km-black-box", "shows raw data of level L0 only, and this test needs L2"),
            ('hil_level("L2")', "rack", "bench rack has no transceiver"),
            ('hil_disturbs("attenuator")', "rack", "this test disturbs voa, and the file of bench rack does not say chaos"),
            ('hil_disturbs("power-meter", benches="lab-*")', "rack", "may do so on lab-* only, not on bench rack"),
        ],
    )
    def test_skips_with_its_reason(self, project: Any, marker: str, bench: str, reason: str) -> None:
        """The reason is about this bench, and the bench is not opened for it."""
        project.write(f"@pytest.mark.{marker}\ndef test_a(bench): raise AssertionError\n")
        result = project.run(bench=project.real_bench() if bench == "rack" else bench)
        result.assert_outcomes(skipped=1)
        assert reason in project.record.tests[0].reason
        assert project.opened() == []

    @pytest.mark.parametrize(
        "marker",
        [
            'hil_needs("transmitter", "switch", "twin", "kme")',
            'hil_level("L3")',
            'hil_disturbs("switch", benches="lab-*")',
        ],
    )
    def test_runs_where_the_bench_has_it(self, project: Any, marker: str) -> None:
        """A twin may always be disturbed."""
        project.write(f"@pytest.mark.{marker}\ndef test_a(link): pass\n")
        project.run().assert_outcomes(passed=1)

    def test_chaos_that_the_bench_file_allows(self, project: Any) -> None:
        """The device says so itself."""
        project.write('@pytest.mark.hil_disturbs("attenuator")\ndef test_a(bench): pass\n')
        project.run(bench=project.real_bench('chaos = "allow"\n')).assert_outcomes(passed=1)

    @pytest.mark.parametrize(
        ("marker", "message"),
        [
            ('hil_needs("swich")', "did you mean 'switch'?"),
            ('hil_level("L4")', "expected one of: L0, L1, L2, L3"),
            ("hil_level()", 'hil_level takes one level, as in hil_level("L2")'),
            ('hil_disturbs("switch", bench="lab")', "hil_disturbs takes no 'bench'; it takes: benches"),
        ],
    )
    def test_a_word_that_means_nothing(self, project: Any, text: Callable[[Any], str], marker: str, message: str) -> None:
        """A typo is a usage error; as a skip it would go unseen for good."""
        project.write(f"@pytest.mark.{marker}\ndef test_a(bench): pass\n")
        result = project.run()
        assert result.ret == 4
        assert message in text(result)
