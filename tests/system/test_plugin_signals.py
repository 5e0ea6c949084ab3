"""Killing a run, with the real twins behind it, leaves nothing: no process, port, pty or temporary file."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hil.record.reader import read_record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PROC = Path("/proc")

pytestmark = pytest.mark.skipif(not (PROC / "net" / "tcp").exists(), reason="looks around in /proc, which only Linux has")

SOURCE = """
import json, os, pathlib, pytest
HERE = pathlib.Path(__file__).parent

@pytest.mark.parametrize("number", range({tests}))
def test_waits(bench, link, key_store, number):
    link.up()
    twins = {{name: [at.port, str(at.path or "")] for name, at in bench._twins.addresses.items()}}
    kmes = [key_store.a.url, key_store.b.url]
    (HERE / f"where-{{number}}.json").write_text(json.dumps({{"pid": os.getpid(), "twins": twins, "kmes": kmes}}))
    with open(HERE / "started", "w") as fifo:
        fifo.write(f"{{number}}\\n")
    with open(HERE / "never"):  # nobody writes there: the test runs until it is stopped
        raise AssertionError("it was not stopped")
"""


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Killable]:
    killable = Killable(tmp_path)
    yield killable
    killable.end()


class Killable:
    """A run in a session of its own, with a temporary folder of its own, whose tests say that they are under way."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.temporary = path / "temporary"
        self.temporary.mkdir()
        for name in ("started", "never"):
            os.mkfifo(path / name)
        self.process: subprocess.Popen[bytes] | None = None
        self._sockets: dict[int, set[str]] = {}

    def start(self, *arguments: str, tests: int) -> subprocess.Popen[bytes]:
        """Return once every test is in the middle of its work."""
        (self.path / "test_waits.py").write_text(SOURCE.format(tests=tests))
        (self.path / "pytest.ini").write_text("[pytest]\n")
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--hil-bench", "metro-25km", "--hil-seed", "1"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("HIL_", "PYTEST_"))}
        with (self.path / "output.txt").open("wb") as output:
            self.process = subprocess.Popen(
                [*command, "--basetemp", str(self.path / "pytest"), *arguments, "test_waits.py"],
                cwd=self.path,
                env=environment | {"TMPDIR": str(self.temporary)},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # a shell's background job ignores SIGINT, and its children would inherit that
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  (takes no lock)
            )
        seen: set[str] = set()
        while len(seen) < tests:  # a FIFO ends when its last writer closes it, and each test opens it once
            with (self.path / "started").open() as fifo:
                seen |= set(fifo.read().split())
        return self.process

    def processes(self) -> list[int]:
        """Every process of the run's session that is alive."""
        assert self.process is not None
        alive = []
        for entry in PROC.glob("[0-9]*"):
            with contextlib.suppress(OSError, IndexError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(fields[3]) == self.process.pid and fields[0] != "Z":
                    alive.append(int(entry.name))
        return alive

    def left_behind(self) -> list[str]:
        """What a look around finds."""
        found = [f"process {pid}" for pid in self.processes()]
        found += [f"temporary {path.relative_to(self.temporary)}" for path in self.temporary.rglob("*")]
        for file in self.path.glob("where-*.json"):
            where = json.loads(file.read_text())
            for name, (port, path) in where["twins"].items():
                if port and self._still_listens(port):
                    found.append(f"port {port} of {name}")
                if path and _held(path, self.processes()):
                    found.append(f"pty {path} of {name}")
            for url in where["kmes"]:
                if self._still_listens(int(url.rpartition(":")[2])):
                    found.append(f"{url} of a KME")
        return found

    def _still_listens(self, port: int) -> bool:
        """Whether the very socket listens that did at the first look: a freed port may be somebody else's by now."""
        listening = _listening(port)
        return bool(listening & self._sockets.setdefault(port, listening))

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            for pid in self.processes():
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            self.process.wait(10)

    @property
    def output(self) -> str:
        return (self.path / "output.txt").read_text()


def _listening(port: int) -> set[str]:
    """Inodes of the sockets that listen there; asking the port itself would disturb who does."""
    local = f":{port:04X}"
    lines = [line.split() for table in ("tcp", "tcp6") for line in (PROC / "net" / table).read_text().splitlines()[1:]]
    return {fields[9] for fields in lines if fields[1].endswith(local) and fields[3] == "0A"}


def _held(pty: str, pids: Iterable[int]) -> bool:
    """Whether one of these processes holds the pty open; its number may be somebody else's terminal by now."""
    for link in (link for pid in pids for link in (PROC / str(pid) / "fd").glob("*")):
        with contextlib.suppress(OSError):
            if str(link.readlink()) == pty:
                return True
    return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
@pytest.mark.parametrize("workers", [0, 2], ids=["serial", "n2"])
def test_nothing_is_left(run: Killable, number: signal.Signals, workers: int) -> None:
    """One signal to the main process ends the run in order: exit code 2, teardown done, a finished record."""
    arguments = ("-n", str(workers)) if workers else ()
    process = run.start(*arguments, tests=workers or 1)
    assert len(run.processes()) >= 1 + workers
    assert "port" in " ".join(run.left_behind())  # the look around sees what is there while it is there
    process.send_signal(number)
    assert process.wait(60) == 2, run.output
    assert run.left_behind() == [], run.output
    record = read_record("latest", run.path / ".hil")
    assert record.exit_code == 2
    assert [test.outcome.value for test in record.tests] == ["ERROR"] * (workers or 1)
    assert "interrupted while this test ran" in record.tests[0].reason
    assert "Traceback" not in run.output
