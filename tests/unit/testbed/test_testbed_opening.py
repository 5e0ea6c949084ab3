"""A bench is opened whole or not at all, and leaves nothing behind."""

from __future__ import annotations

import socket
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from hil.clock import SystemClock
from hil.errors import BenchError, DeviceUnreachableError, HilError, IdentityError, MissingCapabilityError, UsageError
from hil.pipeline.entropy import SystemEntropy
from hil.testbed.delivery import KeyDelivery
from hil.testbed.testbed import Testbed

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil.testbed.link import Link

OPEN_FILES = Path("/proc/self/fd")


def descriptors() -> list[str]:
    """What this process holds open, the listing itself aside."""
    if not OPEN_FILES.exists():
        pytest.skip("this system does not list open files under /proc")
    found = []
    for entry in OPEN_FILES.iterdir():
        try:
            found.append(str(entry.readlink()))
        except FileNotFoundError:
            continue
    return sorted(found)


def closed_port() -> int:
    """A TCP port of loopback where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def real_bench(write_bench: Callable[..., Path], path: Path, *broken: str) -> Path:
    """The shipped bench as if it were real, twins for what is not broken, nobody at the addresses of what is."""
    changes = [("simulated = true", "mixed = true")]
    for device, role in (("alice", "transmitter"), ("bob", "receiver"), ("voa", "attenuator")):
        if device in broken:
            where = "ASRL/dev/pts/does-not-exist::INSTR" if device == "voa" else f"TCPIP::127.0.0.1::{closed_port()}::SOCKET"
            table = f'[device.{device}]\nrole = "{role}"\n'
            changes.append((table, f'{table}address = "{where}"\n'))
    return write_bench(path / "real.toml", *changes)


def test_closing_leaves_no_thread_port_pty_or_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a run, key delivery and all; closing twice is closing once."""
    with Testbed.open("metro-25km-black-box", seed=1):  # what is loaded once and for all stays
        pass
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    threads, files = threading.enumerate(), descriptors()
    testbed = Testbed.open("metro-25km-black-box", seed=1)
    testbed.begin("a case")
    link = cast("Link", testbed.link("metro"))
    link.run("1 s")
    KeyDelivery(link).deliver()
    assert threading.enumerate() != threads
    assert descriptors() != files
    assert list(temporary.iterdir())
    testbed.close()
    testbed.close()
    assert threading.enumerate() == threads
    assert descriptors() == files
    assert list(temporary.iterdir()) == []


def test_a_bench_that_does_not_open_leaves_nothing_either(tmp_path: Path, write_bench: Callable[..., Path]) -> None:
    file = real_bench(write_bench, tmp_path, "bob")
    threads, files = threading.enumerate(), descriptors()
    with pytest.raises(DeviceUnreachableError):
        Testbed.open(file, seed=1)
    assert threading.enumerate() == threads
    assert descriptors() == files


def test_one_device_in_trouble_raises_its_own_error(tmp_path: Path, write_bench: Callable[..., Path]) -> None:
    file = real_bench(write_bench, tmp_path, "bob")
    with pytest.raises(DeviceUnreachableError, match=r"^bob: "):
        Testbed.open(file, seed=1)


def test_several_devices_in_trouble_are_told_together(tmp_path: Path, write_bench: Callable[..., Path]) -> None:
    """As an indented tree: each device with its driver and address, under it what went wrong."""
    file = real_bench(write_bench, tmp_path, "alice", "bob", "voa")
    with pytest.raises(BenchError) as caught:
        Testbed.open(file, seed=1)
    lines = str(caught.value).splitlines()
    assert lines[0] == "bench metro-25km: 3 of 6 devices cannot be used"
    assert [line.split()[0] for line in lines if line.startswith("  ") and line[2] != " "] == ["alice", "bob", "voa"]
    assert "  voa (ozoptics-dd100mc at ASRL/dev/pts/does-not-exist::INSTR)" in lines
    assert any(line.startswith("    DeviceUnreachableError: alice: ") for line in lines)


def test_a_firmware_outside_the_pin_is_one_clear_error(tmp_path: Path, write_bench: Callable[..., Path]) -> None:
    """The twins run 2.4.1; both transceivers are named, each with what it has and what is pinned."""
    file = write_bench(tmp_path / "pinned.toml", ('firmware = "~=2.4"', 'firmware = "~=3.0"'))
    with pytest.raises(BenchError, match=r"2 of 6 devices cannot be used(.|\n)*alice(.|\n)*2\.4\.1(.|\n)*'~=3\.0'"):
        Testbed.open(file, seed=1)
    one = write_bench(tmp_path / "one.toml", ('driver = "ozoptics-dd100mc"', 'driver = "ozoptics-dd100mc"\nfirmware = "==9.9"'))
    with pytest.raises(IdentityError, match=r"^voa: firmware .* pins '==9.9'"):
        Testbed.open(one, seed=1)


def test_a_mixed_bench_runs_on_real_time_and_real_randomness(tmp_path: Path, write_bench: Callable[..., Path]) -> None:
    """Of two processes' worth of twins: the second bench reaches the first one's transmitter as if it were real."""
    with Testbed.open("metro-25km", seed=1) as lab:
        address = lab._twins.addresses["alice"]  # type: ignore[union-attr]
        table = '[device.alice]\nrole = "transmitter"\n'
        where = f'address = "{address.resource}"\ndata_address = "{address.data_resource}"\n'
        file = write_bench(tmp_path / "mixed.toml", ("simulated = true", "mixed = true"), (table, f"{table}{where}"))
        with Testbed.open(file, seed=1) as testbed:
            assert isinstance(testbed.clock, SystemClock)
            assert isinstance(testbed.entropy("pool"), SystemEntropy)
            assert testbed.simulated
            assert "alice" not in testbed.simulated_devices
            assert cast("Link", testbed.link("metro")).simulated


def test_every_device_is_recorded_with_who_it_said_it_is(fresh_notebook: Any) -> None:
    with Testbed.open("metro-25km", seed=1, log=fresh_notebook):
        devices = {data["name"]: data for data in fresh_notebook.of("device")}
    assert set(devices) == {"alice", "bob", "voa", "switch", "meter", "stage"}
    assert devices["alice"]["firmware"] == "2.4.1"
    assert devices["alice"]["simulated"] is True
    assert devices["meter"]["calibration"] == "responsivity due 2099-12-31 (simulated)"


def test_a_recording_needs_a_file_and_nothing_else_takes_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="give one with --hil-recording FILE"):
        Testbed.open("recorded-pairs", seed=1)
    with pytest.raises(UsageError, match="bench metro-25km has no recording"):
        Testbed.open("metro-25km", seed=1, recording=tmp_path / "tags.txt")


def test_a_recorded_bench_has_no_twin_to_inject_into(tmp_path: Path) -> None:
    tags = tmp_path / "tags.txt"
    tags.write_text("0 10\n4 11\n1 20\n5 22\n")
    with Testbed.open("recorded-pairs", seed=1, recording=tags) as testbed:
        assert not testbed.simulated
        assert testbed.identities["recording"].model == "tags.txt"
        with pytest.raises(MissingCapabilityError, match="no simulated device"):
            _ = testbed.control


def test_hooks_run_last_first_and_parking_follows_whatever_they_raise(opened: Testbed) -> None:
    """Both troubles are told, and the light is off."""
    opened.begin("a case")
    link = cast("Link", opened.link("metro"))
    link.up()
    called: list[str] = []

    def fail(name: str, error: Exception) -> None:
        called.append(name)
        raise error

    opened.on_end(lambda: fail("first", HilError("first trouble")))
    opened.on_end(lambda: fail("second", ValueError("second trouble")))
    with pytest.raises(BenchError, match=r"2 troubles at the end of a test(.|\n)*second trouble(.|\n)*first trouble"):
        opened.end()
    assert called == ["second", "first"]
    assert not link.transmitter.emitting()
    opened.begin("another")
    opened.end()
    assert called == ["second", "first"]
