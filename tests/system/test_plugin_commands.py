"""The command line and the plugin with the real testbed and twins behind them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from hil.bench import shipped
from hil.record.reader import read_record

if TYPE_CHECKING:
    from pathlib import Path


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("HIL_", "PYTEST_"))}


def run_pytest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "pytest.ini").write_text("[pytest]\n")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def changed(tmp_path: Path, old: str, new: str) -> str:
    """The shipped bench with one thing different."""
    text = shipped()["metro-25km"].read_text(encoding="utf-8")
    assert old in text
    file = tmp_path / "bench.toml"
    file.write_text(text.replace(old, new), encoding="utf-8")
    return str(file)


class TestBenchTrouble:
    """Exit code 10, one clear message, no traceback, every test an ERROR."""

    SOURCE = "def test_one(link): pass\ndef test_two(detector): pass\ndef test_three(slo): pass\n"

    def test_wrong_firmware_is_said_once(self, tmp_path: Path) -> None:
        """The twin answers with another firmware than the bench file pins."""
        (tmp_path / "test_link.py").write_text(self.SOURCE)
        done = run_pytest(
            tmp_path, "--hil-bench", changed(tmp_path, 'firmware = "~=2.4"\nsite = "north"', 'firmware = "~=9.1"')
        )
        said = done.stdout + done.stderr
        assert done.returncode == 10
        assert said.count("pins '~=9.1'") == 1
        assert "Traceback" not in said
        record = read_record("latest", tmp_path / ".hil")
        assert [test.outcome.value for test in record.tests] == ["ERROR"] * 6
        assert all("pins '~=9.1'" in test.reason for test in record.tests)

    def test_a_device_that_is_not_there(self, tmp_path: Path) -> None:
        """One real device of a mixed bench has no port: an ERROR that names it, and the record says that the bench is mixed."""
        (tmp_path / "test_link.py").write_text(self.SOURCE)
        bench = changed(tmp_path, "simulated = true", "mixed = true")
        text = (
            (tmp_path / "bench.toml")
            .read_text()
            .replace('role = "switch"', 'role = "switch"\naddress = "ASRL/dev/hil-nothing-there::INSTR"')
        )
        (tmp_path / "bench.toml").write_text(text)
        done = run_pytest(tmp_path, "--hil-bench", bench)
        said = done.stdout + done.stderr
        assert done.returncode == 10
        assert "switch: no connection to ASRL/dev/hil-nothing-there::INSTR" in said
        assert "metro-25km (mixed)" in said
        assert "Traceback" not in said

    def test_missing_addresses_are_mistakes_of_the_file(self, tmp_path: Path) -> None:
        """A bench that is not simulated has to say where its devices are; nothing is opened before."""
        (tmp_path / "test_link.py").write_text(self.SOURCE)
        done = run_pytest(tmp_path, "--hil-bench", changed(tmp_path, "simulated = true", "simulated = false"))
        said = done.stdout + done.stderr
        assert done.returncode == 4
        assert "device.alice.address" in said
        assert "Traceback" not in said
        assert not (tmp_path / ".hil").exists()


class TestRun:
    """A run on the shipped bench of twins."""

    def test_a_failure_beside_the_bench_is_in_the_record(self, tmp_path: Path) -> None:
        """A test on the bench passes, an ordinary one fails: neither exit code nor record nor table says PASS."""
        (tmp_path / "test_link.py").write_text("def test_bench(bench): pass\n\ndef test_plain(): assert 1 == 2\n")
        done = run_pytest(tmp_path, "--hil-bench", "metro-25km")
        record = read_record("latest", tmp_path / ".hil")
        assert done.returncode == record.exit_code == 1
        assert record.outcome.value == "FAIL"
        assert any("uses no bench failed" in problem for problem in record.problems)
        assert "Tests that use no bench failed." in done.stdout

    def test_nothing_selected_decides_nothing(self, tmp_path: Path) -> None:
        """A selection that matches no test is not a pass, and leaves no record."""
        (tmp_path / "test_link.py").write_text("def test_bench(bench): pass\n")
        done = run_pytest(tmp_path, "--hil-bench", "metro-25km", "-k", "nothing_of_that_name")
        assert done.returncode == 11
        assert not list(tmp_path.glob(".hil/runs/*"))

    def test_serial_and_parallel_agree(self, tmp_path: Path) -> None:
        """The same seed gives the same keys, in any order and in any worker."""
        (tmp_path / "test_link.py").write_text(
            "def test_first(link): assert link.run('1 s').net_secret_bits > 0\n"
            "def test_second(link, clock):\n    link.run('1 s')\n    assert clock.virtual\n"
        )
        digests = []
        for number, arguments in enumerate([(), ("-n", "2")]):
            done = run_pytest(
                tmp_path, "--hil-bench", "metro-25km", "--hil-seed", "3", "--hil-record", f"run-{number}", *arguments
            )
            assert done.returncode == 0, done.stdout
            record = read_record(tmp_path / f"run-{number}")
            digests.append({entry.case: entry.fingerprints for entry in record.keys})
        assert digests[0] == digests[1]
        assert len(digests[0]) == 2
        assert len(set(digests[0].values())) == 2


@pytest.mark.skipif(os.name != "posix", reason="stops the server by SIGTERM, which Windows lacks")
class TestSim:
    """hil sim serves until it is stopped."""

    @pytest.mark.parametrize(
        ("port", "code", "told"),
        [
            ("alice={taken}", 10, "alice: port {taken} of 127.0.0.1 is in use"),
            ("alcie=5025", 4, "expected 'alice'"),
            ("alice=x", 4, "such as alice=5025"),
        ],
    )
    def test_a_port_that_cannot_be_had(self, port: str, code: int, told: str) -> None:
        """A port in use is trouble of the bench, a port of nobody a mistake of the caller; one message each."""
        with socket.create_server(("127.0.0.1", 0)) as held:
            taken = held.getsockname()[1]
            command = [sys.executable, "-m", "hil.cli", "sim", "--bench", "metro-25km", "--port", port.format(taken=taken)]
            done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
        assert done.returncode == code
        assert told.format(taken=taken) in done.stderr
        assert "Traceback" not in done.stderr

    def test_addresses_answer_and_are_gone(self, tmp_path: Path) -> None:
        """The file names every device; a program that knows nothing of us can talk to one; a signal ends it in order."""
        file = tmp_path / "addresses.json"
        command = [sys.executable, "-m", "hil.cli", "sim", "--bench", "metro-25km", "--seed", "4", "--addresses", str(file)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) as process:
            assert process.stdout is not None
            try:
                assert process.stdout.readline() == "hil sim: bench metro-25km, seed 4, speed 1; Ctrl-C stops it\n"
                addresses = json.loads(file.read_text())
                assert {"alice", "bob", "voa", "switch", "meter", "stage"} <= set(addresses)
                with socket.create_connection((addresses["meter"]["host"], addresses["meter"]["port"]), timeout=10) as meter:
                    meter.sendall(b"*IDN?\n")
                    assert b"PM100D" in meter.recv(200)
            finally:
                process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        assert not file.exists()


class TestGamedayNames:
    """A game day that is none is a wrong use, said before anything is collected."""

    def test_a_misspelt_one_is_said_and_nothing_runs(self, tmp_path: Path) -> None:
        """Also where no test asks for a game day."""
        (tmp_path / "test_link.py").write_text("def test_one(): pass\n")
        done = run_pytest(tmp_path, "--hil-bench", "metro-25km", "--hil-gameday", "fibre-cutt")
        assert done.returncode == 4
        assert "fibre-cutt" in done.stderr
        assert "fibre-cut" in done.stderr
        assert "Traceback" not in done.stdout + done.stderr


class TestChaosPlan:
    """What faults would do on a real bench, from twins that stand for it."""

    SOURCE = """
def test_cut(link, chaos):
    cut = chaos.at("3 s").fiber_cut(duration="2 s")
    chaos.clock.sleep(30.0)
    assert cut.healed

def test_noise(link, chaos):
    with chaos.dark_count_spike(rate="5 kHz"):
        pass
"""

    def test_printed_and_nothing_real_is_opened(self, tmp_path: Path) -> None:
        """The switch's address is one where somebody would hear of it."""
        (tmp_path / "test_day.py").write_text(self.SOURCE)
        with socket.create_server(("127.0.0.1", 0)) as anybody:
            anybody.settimeout(0.0)
            lines = shipped()["metro-25km"].read_text(encoding="utf-8").replace("simulated = true\n", "").splitlines()
            web = 'address = "https://127.0.0.1:1"\nca_file = "a"\ncertificate_file = "b"\nprivate_key_file = "c"'
            here = f'address = "TCPIP::127.0.0.1::{anybody.getsockname()[1]}::SOCKET"'
            text = "\n".join(
                f"{line}\n{web if 'etsi014' in line else here}" if line.startswith("driver = ") else line for line in lines
            )
            (tmp_path / "rack.toml").write_text(f"{text}\n", encoding="utf-8")
            done = run_pytest(tmp_path, "--hil-bench", "rack.toml", "--hil-chaos-plan")
            with pytest.raises(BlockingIOError):
                anybody.accept()
        assert done.returncode == 0, done.stdout + done.stderr
        assert "chaos plan: rehearsed on" in done.stdout
        assert "(rehearsed)" in done.stdout
        assert "Chaos plan of test_day::test_cut" in done.stdout
        (row,) = [line.split() for line in done.stdout.splitlines() if "fiber_cut" in line and "hardware" in line]
        assert row[3:9] == ["switch", "channel", "1", "4", "1", "move"]
        assert "no command makes it so" in done.stdout


def test_a_folder_hil_beside_the_run_is_not_taken_for_the_installed_package(tmp_path: Path) -> None:
    """As in a checkout, whose ./hil is half of it."""
    half = tmp_path / "hil"
    half.mkdir()
    (half / "__init__.py").write_text("raise ImportError('half of it')\n", encoding="utf-8")
    command = "import sys; from hil.cli import main; sys.exit(main(sys.argv[1:]))"
    told = subprocess.run(
        [sys.executable, "-P", "-c", command, "run", "smoke", "--bench", "metro-25km", "--", "--collect-only", "-q"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert "half of it" not in told.stdout + told.stderr
    assert "test_smoke" in told.stdout
