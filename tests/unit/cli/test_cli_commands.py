"""The command hil: what it prints, and the one message and exit code of each mistake."""

from __future__ import annotations

import argparse
import json
import logging
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from serial.tools.list_ports_common import ListPortInfo

from hil.bench import load
from hil.cli import COMMANDS, _probe, doctor, main
from hil.cli import run as run_command
from hil.cli.list_ import KINDS
from hil.discovery import names
from hil.errors import UnknownNameError
from hil.record.writer import EventLog, RunFolder, RunHeader, finish

if TYPE_CHECKING:
    from collections.abc import Callable

BENCH = """
[bench]
name = "{name}"
[device.meter]
role = "power-meter"
driver = "{driver}"
address = "{address}"
firmware = "{firmware}"
"""


@pytest.fixture
def bench_file(tmp_path: Path) -> Callable[..., str]:
    def write(**changes: str) -> str:
        values = {"name": "rack", "driver": "thorlabs-pm100d", "address": "TCPIP::127.0.0.1::9::SOCKET", "firmware": ""}
        file = tmp_path / "rack.toml"
        file.write_text(BENCH.format(**values | changes))
        return str(file)

    return write


class TestMistakes:
    """4 for what the user said, 10 for what the bench did; one message, never a traceback."""

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("bench", "check", "metro-25kn"), "hil: no bench named 'metro-25kn'; did you mean 'metro-25km'?"),
            (("bench", "check", "nowhere.toml"), "hil: nowhere.toml: cannot read the bench file"),
            (("report", "20990101T000000Z-000000"), "hil: no run at 20990101T000000Z-000000"),
            (("run", "confirmance"), "hil: no suite named 'confirmance'"),
            (("sim", "--bench", "metro-25km", "--speed", "0"), "hil: --speed 0: expected a number above zero"),
            (("doctor", "--bench", "recorded-pairs"), "hil: bench recorded-pairs is a recording without a file"),
            (("list", "--", "-x"), "hil: hil list takes no arguments after --"),
        ],
    )
    def test_usage(self, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str) -> None:
        """The message says what was expected."""
        assert main(arguments) == 4
        said = capsys.readouterr().err
        assert said.startswith(message)
        assert "Traceback" not in said

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (("sim", "--bench", "nope", "--speed", "0", "--port", "alice", "--port", "bob=99999"), 4),
            (("report", "nope", "--format", "foo", "--format", "bar"), 3),
            (("analyse", "nope", "--tick", "3", "--window", "x", "--channels", "zz", "--seconds", "-1"), 4),
            (("analyse", "nope", "--tick", "3 ns", "--window", "x", "--html", "/nowhere/at/all.html"), 3),
        ],
        ids=lambda value: value[0] if isinstance(value, tuple) else str(value),
    )
    def test_every_wrong_option_is_told(
        self, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], told: int
    ) -> None:
        """One round, whatever is wrong, in a line each."""
        assert main(arguments) == 4
        assert len(capsys.readouterr().err.splitlines()) == told

    def test_a_path_that_cannot_be_written(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        """One message with the path, no traceback."""
        missing = tmp_path / "missing" / "objectives.yml"
        assert main(["slo", "export", "metro-25km", "--out", str(missing)]) == 4
        assert capsys.readouterr().err == f"hil: {missing}: No such file or directory; expected a path that can be used so\n"

    @pytest.mark.parametrize("arguments", [(), ("lost",), ("list", "drivres"), ("safe",), ("bench",)])
    def test_words_that_are_none(self, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]) -> None:
        """Argparse's own mistakes have the exit code of all usage errors."""
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 4
        assert "usage: hil" in capsys.readouterr().err

    def test_every_mistake_of_a_bench_file(self, capsys: pytest.CaptureFixture[str], bench_file: Callable[..., str]) -> None:
        """File, key, what was found, what is accepted."""
        assert main(["bench", "check", bench_file(driver="thorlabs-pm100", name="a b")]) == 4
        said = capsys.readouterr().err
        assert "rack.toml: 2 mistakes" in said
        assert "device.meter.driver: found 'thorlabs-pm100'; expected 'thorlabs-pm100d'" in said
        assert "bench.name" in said

    @pytest.mark.parametrize(
        ("driver", "message"),
        [
            ("no_such_lab.meters:SPEC", "found 'no_such_lab.meters:SPEC'; expected a driver that can be imported"),
            ("hil.drivers.thorlabs_pm100d:NONE", "a driver that can be imported (UnknownNameError"),
            ("hil.drivers.thorlabs_tc200:SPEC", "a temperature-controller; expected a driver of the role power-meter"),
            ("thorlabs-tc200", "found 'thorlabs-tc200', a temperature-controller; expected a driver of the role power-meter"),
        ],
    )
    def test_a_driver_that_is_none(
        self, capsys: pytest.CaptureFixture[str], bench_file: Callable[..., str], driver: str, message: str
    ) -> None:
        """What a name leads to is imported and compared with the device's role."""
        assert main(["bench", "check", bench_file(driver=driver)]) == 4
        said = capsys.readouterr().err
        assert "device.meter.driver" in said
        assert message in said

    def test_bench_that_is_away(self, capsys: pytest.CaptureFixture[str], bench_file: Callable[..., str]) -> None:
        """Nothing listens on the discard port: the bench is at fault, not the user."""
        assert main(["safe", "--bench", bench_file()]) == 10
        said = capsys.readouterr().err
        assert said.startswith("hil: ")
        assert "meter" in said
        assert "Traceback" not in said


class TestList:
    """Everything there is, found and not registered."""

    def test_all_kinds(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Each kind has its heading and each name its line."""
        assert main(["list"]) == 0
        said = capsys.readouterr().out
        for kind, word in KINDS.items():
            assert f"\n{kind}\n" in f"\n{said}"
            assert all(f"  {name}" in said for name in (names(word) if word else ()))
        assert "cannot be loaded" not in said

    def test_one_kind(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Names first, so that scripts can cut them off."""
        main(["list", "drivers"])
        assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == names("driver")

    def test_strangers_broken_plugin(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        """It is named, and the rest is listed."""

        def find(kind: str, name: str) -> Any:
            raise ImportError("no such library")

        monkeypatch.setattr("hil.cli.list_.find", find)
        assert main(["list", "reporters"]) == 0
        assert "junit" in (said := capsys.readouterr().out)
        assert "(cannot be loaded: ImportError: no such library)" in said


class TestBench:
    """Bench files, without touching a device."""

    def test_check(self, capsys: pytest.CaptureFixture[str], bench_file: Callable[..., str]) -> None:
        """A file in order says what it describes."""
        assert main(["bench", "check", bench_file()]) == 0
        said = capsys.readouterr().out
        assert "no mistakes; bench rack, 1 device, links: none" in said
        assert "TCPIP::127.0.0.1::9::SOCKET" in said

    def test_schema_is_json(self, capsys: pytest.CaptureFixture[str]) -> None:
        """An editor can read it."""
        main(["bench", "schema"])
        assert json.loads(capsys.readouterr().out)["title"] == "A bench file of qkd-hil"

    def test_list_names_files(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Each shipped bench with the file to copy."""
        main(["bench", "list"])
        for line in capsys.readouterr().out.splitlines():
            name, path = line.split(maxsplit=1)
            assert Path(path).stem == name


class TestDoctor:
    """What is connected, what answers, what is out of date."""

    def test_versions_alone(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Without a bench nothing is asked."""
        assert main(["doctor"]) == 0
        assert "no --bench given" in capsys.readouterr().out

    def test_twins_of_the_shipped_bench(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Every device answers, with identity, firmware and the time a question takes."""
        assert main(["doctor", "--bench", "metro-25km", "--json"]) == 0
        said = json.loads(capsys.readouterr().out)
        devices = {device["device"]: device for device in said["devices"]}
        assert set(devices) == {"alice", "bob", "voa", "switch", "meter", "stage", "kme_a", "kme_b"}
        assert all(device["reachable"] and device["simulated"] and not device["trouble"] for device in devices.values())
        assert devices["alice"]["firmware"] == "2.4.1"
        assert devices["alice"]["required"] == "~=2.4"
        assert devices["meter"]["latency_ms"] > 0
        assert devices["alice"]["clock_skew_ppm"] == 0.0  # virtual time has one clock
        assert devices["meter"]["clock_skew_ppm"] is None
        assert devices["meter"]["calibration"] == "responsivity of 2026-06-01, due 2099-12-31"
        assert not any(device["errors"] or device["permissions"] for device in devices.values())
        assert "py" in said["visa_backends"]
        assert "nothing real can be left broken" in said["guard"]

    def test_serial_ports_where_the_system_keeps_no_names(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """By what the USB interface tells of itself; a port that is none of USB has nothing that stays with it."""
        found = ListPortInfo("COM12")
        found.vid, found.hwid = 0x0403, "USB VID:PID=0403:6001 SER=A50285BI"
        monkeypatch.setattr(sys, "platform", "win32")
        monkeypatch.setattr("serial.tools.list_ports.comports", lambda: [ListPortInfo("COM1"), found])
        assert doctor._serial_ports(tmp_path / "none") == {"USB VID:PID=0403:6001 SER=A50285BI": "COM12"}

    def test_what_a_driver_found_in_an_error_queue(self) -> None:
        """It is heard while the device is opened, and only then."""
        log = logging.getLogger("hil.drivers")
        with _probe._heard("hil.drivers") as told:
            log.warning("%s: 1 errors from before we came: -113", "meter")
        log.warning("later")
        assert told == ["meter: 1 errors from before we came: -113"]

    def test_calibration_that_expired(self) -> None:
        """On the day after it was due."""
        meter = load("metro-25km").device["meter"]
        assert _probe._calibration(meter, date(2100, 1, 1)) == "responsivity of 2026-06-01, EXPIRED 2099-12-31"

    def test_serial_line_that_we_may_not_use(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """With what to do; a line that is not there is another trouble."""
        line = tmp_path / "ttyUSB0"
        line.touch()
        monkeypatch.setattr(_probe.os, "access", lambda *_: False)
        assert "udev rule" in _probe._permissions(f"ASRL{line}::INSTR")
        assert not _probe._permissions(f"ASRL{tmp_path / 'nothing'}::INSTR")
        assert not _probe._permissions("TCPIP::a::1::SOCKET")

    def test_device_that_does_not_answer(self, capsys: pytest.CaptureFixture[str], bench_file: Callable[..., str]) -> None:
        """It is named, and the exit code is that of a broken bench."""
        assert main(["doctor", "--bench", bench_file()]) == 10
        said = capsys.readouterr().out
        assert "NO ANSWER  meter" in said
        assert "Traceback" not in said

    def test_firmware_that_is_out_of_date(self, capsys: pytest.CaptureFixture[str], bench_file: Callable[..., str]) -> None:
        """Found and required stand side by side, and the message says what to do."""
        assert main(["doctor", "--simulate", "--bench", bench_file(firmware=">=9")]) == 10
        said = capsys.readouterr().out
        assert "WRONG  meter" in said
        assert "required >=9" in said
        assert "the bench file pins '>=9'" in said


class TestReport:
    """Reports from a record alone."""

    @pytest.fixture
    def run(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.chdir(tmp_path)
        folder = RunFolder.create(tmp_path / ".hil")
        EventLog(folder, "main").append("test", "smoke.test_link::test_one", outcome="PASS")
        finish(folder, RunHeader(bench="metro-25km", simulated=True, seed=1, started=1.8e9, finished=1.8e9 + 5))
        return folder.path

    def test_of_the_last_run(self, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """Every reporter's file is named, but that of a game day, as there was none."""
        assert main(["report"]) == 0
        written = capsys.readouterr().out.split()
        assert len(written) == len(names("reporter")) - 1
        assert all(Path(file).exists() for file in written)

    def test_of_one_kind(self, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """By run id."""
        assert main(["report", run.name, "--format", "junit"]) == 0
        assert [Path(file).name for file in capsys.readouterr().out.split()] == ["junit.xml"]

    def test_unknown_format(self, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """The nearest is named."""
        assert main(["report", "--format", "junti"]) == 4
        assert "did you mean 'junit'?" in capsys.readouterr().err


class TestRun:
    """hil run builds a pytest command and becomes it."""

    @pytest.fixture
    def two_suites(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(run_command, "suites", lambda: {"conformance": "", "smoke": ""})

    def arguments(self, *given: str, pytest_arguments: tuple[str, ...] = ()) -> list[str]:
        parser = argparse.ArgumentParser()
        run_command.declare(parser)
        parsed = parser.parse_args(given)
        parsed.pytest = list(pytest_arguments)
        return run_command.arguments_for_pytest(parsed)

    @pytest.mark.usefixtures("two_suites")
    def test_options_become_pytests(self) -> None:
        """Each with its prefix; what stood after -- comes as it is."""
        given = ["smoke", "conformance", "--bench", "a.toml", "--bench", "b.toml", "--simulate", "--seed", "7"]
        assert self.arguments(*given, "--record", "out", pytest_arguments=("-n", "2")) == [
            *("--hil-bench=a.toml", "--hil-bench=b.toml", "--hil-simulate", "--hil-seed=7", "--hil-record=out"),
            *("-n", "2", "--pyargs", "hil.suites.smoke", "hil.suites.conformance"),
        ]

    @pytest.mark.usefixtures("two_suites")
    def test_typo_names_the_nearest(self) -> None:
        """Before any process is started."""
        with pytest.raises(UnknownNameError, match="no suite named 'confirmance'; expected 'conformance'"):
            self.arguments("confirmance")


class TestProcess:
    """The installed command."""

    def test_module_form(self) -> None:
        """``python -m hil.cli`` is ``hil``."""
        done = subprocess.run([sys.executable, "-m", "hil.cli", "--help"], capture_output=True, text=True, check=True)
        assert all(f"\n    {command} " in done.stdout for command in COMMANDS)

    def test_guard_without_a_holder(self) -> None:
        """Nothing was ever held, so there is nothing to heal."""
        done = subprocess.run(
            [sys.executable, "-m", "hil.cli", "guard"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    def test_closed_pipe(self) -> None:
        """``hil bench schema | head`` ends without a traceback."""
        command = f"{sys.executable} -m hil.cli bench schema | head -c 10 > /dev/null"
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
        assert done.stderr == ""
