"""A bench's simulated devices in a process of their own, found by other programs through the addresses file."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hil.bench import load
from hil.device_sims._speed import SpeedClock
from hil.device_sims.serve import serve
from hil.errors import UsageError
from hil.keystores import etsi014
from hil.keystores.embedded import EmbeddedKeyStore
from hil.ports.secret import SecretBytes
from hil.ports.spec import KeyStoreSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hil.device_sims.serve import ServedBench

PROGRAM = """
import sys
from pathlib import Path
from hil.bench import load
from hil.device_sims.serve import serve
from hil.keystores.embedded import EmbeddedKeyStore

serve(
    load("metro-25km"), 3, Path(sys.argv[1]),
    open_store=lambda path, most: EmbeddedKeyStore(path, test=True, max_keys=most),
    ready=lambda _: print("ready", flush=True),
)
print("ended", flush=True)
"""


@pytest.fixture
def addresses(tmp_path: Path) -> Path:
    return tmp_path / "addresses.json"


@pytest.fixture
def served(tmp_path: Path, addresses: Path) -> Iterator[subprocess.Popen[str]]:
    """The program, once it says that it is ready; its temporary files go to a folder of the test's."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    command = [sys.executable, "-c", PROGRAM, str(addresses)]
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=tmp_path) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def open_store(path: Path, max_keys: int) -> EmbeddedKeyStore:
    return EmbeddedKeyStore(path, test=True, max_keys=max_keys)


@pytest.fixture
def in_thread() -> Iterator[Callable[..., ServedBench]]:
    """Serves in a thread until the test ends."""
    stop, threads, failures = threading.Event(), [], []

    def start(addresses: Path | None, bench_name: str = "metro-25km", **options: object) -> ServedBench:
        ready: list[ServedBench] = []
        there = threading.Event()

        def run() -> None:
            try:
                serve(
                    load(bench_name),
                    3,
                    addresses,
                    open_store=open_store,
                    stop=stop,
                    ready=lambda bench: (ready.append(bench), there.set()),
                    **options,
                )
            except Exception as error:  # noqa: BLE001  (raised again by whoever waits)
                failures.append(error)
                there.set()

        threads.append(threading.Thread(target=run))
        threads[-1].start()
        assert there.wait(20)
        if failures:
            raise failures[0]
        return ready[0]

    yield start
    stop.set()
    for thread in threads:
        thread.join()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no ptys and no SIGTERM")
class TestOwnProcess:
    """As ``hil sim`` runs it."""

    def test_addresses_are_all_another_program_needs(self, served, addresses) -> None:
        """Devices, KMEs, and links to the ptys by the device's name."""
        at = json.loads(addresses.read_text())
        assert set(at) == {"alice", "bob", "voa", "switch", "meter", "stage", "kme_a", "kme_b"}
        with socket.create_connection((at["meter"]["host"], at["meter"]["port"]), timeout=20) as meter:
            meter.sendall(b"*OPC?\n")
            assert meter.recv(10) == b"1\n"
        assert at["meter"]["resource"] == f"TCPIP::127.0.0.1::{at['meter']['port']}::SOCKET"
        assert at["alice"]["data_resource"] == f"TCPIP::127.0.0.1::{at['alice']['data_port']}::SOCKET"
        assert at["voa"]["resource"] == f"ASRL{at['voa']['path']}::INSTR"
        assert Path(at["voa"]["link"]) == addresses.with_name("addresses.json.voa")
        assert Path(at["voa"]["link"]).resolve() == Path(at["voa"]["path"])
        for kme in ("kme_a", "kme_b"):
            assert Path(at[kme]["private_key_file"]).stat().st_mode & 0o77 == 0

    @pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGHUP"])
    def test_a_signal_ends_it_within_a_second_and_nothing_stays(self, served, addresses, tmp_path, number) -> None:
        """With a client connected; the program then goes on behind ``serve`` and ends with 0."""
        at = json.loads(addresses.read_text())
        with socket.create_connection((at["meter"]["host"], at["meter"]["port"]), timeout=20):
            asked = time.monotonic()
            served.send_signal(getattr(signal, number))
            assert served.stdout.readline() == "ended\n"
            assert time.monotonic() - asked < 1.0
        assert served.wait(20) == 0
        assert sorted(path.name for path in tmp_path.rglob("*")) == ["temporary"]


class TestServe:
    """The same in this process."""

    def test_kmes_deliver_what_is_fed_to_them(self, in_thread, tmp_path) -> None:
        """A key that both sides ingest at a running pair reaches each application through its own KME."""
        served = in_thread(None)
        secret = bytes(range(32))
        key_id = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
        served.kmes["metro"].ingest(key_id, *(SecretBytes(secret, 256, test=True) for _ in range(2)))
        delivered = []
        for own, peer in (("kme_a", "SAE-SOUTH"), ("kme_b", "SAE-NORTH")):
            at, declared = served.addresses[own], load("metro-25km").device[own]
            files = {name: at[name] for name in ("ca_file", "certificate_file", "private_key_file")}
            settings = KeyStoreSettings(own, at["resource"], test=True, kme_id=declared.kme_id, sae_id=declared.sae_id, **files)
            client = etsi014.SPEC.build(settings)
            delivered += client.get_keys(peer) if own == "kme_a" else client.get_keys_with_ids(peer, (key_id,))
            client.close()
        assert [(each.key_id, each.key.reveal()) for each in delivered] == [(key_id, secret)] * 2

    def test_time_runs_as_fast_as_asked(self, in_thread) -> None:
        """At a million times real time the transmitter's clock is minutes ahead between two questions."""
        served = in_thread(None, speed=1e6)
        with socket.create_connection(("127.0.0.1", served.addresses["alice"]["port"]), timeout=20) as alice:
            times_s = []
            for _ in range(2):
                alice.sendall(b"TIME?\n")
                times_s.append(int(alice.recv(100)) / 1e9)
        assert times_s[1] - times_s[0] > 5

    @pytest.mark.parametrize("speed", [0.0, -1.0, float("nan"), float("inf")])
    def test_an_impossible_speed_is_refused(self, speed) -> None:
        with pytest.raises(UsageError, match="speed"):
            SpeedClock(speed)

    def test_a_file_that_cannot_be_written_is_named_and_nothing_stays(self, in_thread, tmp_path) -> None:
        with pytest.raises(UsageError, match=r"addresses file .*nowhere.*a folder that exists"):
            in_thread(tmp_path / "nowhere" / "addresses.json")
        assert list(tmp_path.iterdir()) == []

    def test_what_another_run_has_put_there_stays(self, in_thread, addresses) -> None:
        """The file is taken away only while it is this run's own."""
        stop = threading.Event()
        started = threading.Event()
        thread = threading.Thread(
            target=serve,
            args=(load("metro-25km"), 3, addresses),
            kwargs={"open_store": open_store, "stop": stop, "ready": lambda _: started.set()},
        )
        thread.start()
        assert started.wait(20)
        addresses.write_text("another run's")
        stop.set()
        thread.join()
        assert addresses.read_text() == "another run's"
        assert [path.name for path in addresses.parent.iterdir()] == ["addresses.json"]

    def test_a_bench_without_anything_to_simulate_is_refused(self, in_thread) -> None:
        with pytest.raises(UsageError, match="bench 'recorded-pairs' has no device that could be simulated"):
            in_thread(None, "recorded-pairs")
