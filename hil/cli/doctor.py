"""Say what is connected, what answers, what is out of date, and what guards the bench."""

from __future__ import annotations

import dataclasses
import json
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hil.bench import load, simulated_devices
from hil.bench.model import RecordingDevice
from hil.cli._device_clocks import CLOCKS_AGREE_S, ClockOffset
from hil.cli._tables import columns, line_width

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from hil.bench.model import Bench
    from hil.cli._probe import Probe
    from hil.testbed.guard.protection import GuardSettings

__all__ = ["HELP", "declare", "execute"]

HELP = "say what is connected, what answers, what is out of date, what guards the bench"
PACKAGES = ("qkd-hil", "pytest", "pytest-xdist", "numpy", "scipy", "pyvisa", "pyvisa-py", "pyserial", "cryptography", "msgspec")
_BROKEN = 10
_CLOCK_WRONG = f"WARNING: {{}} against this machine, more than {CLOCKS_AGREE_S:g} s; set it, or have it follow a time server"


def declare(parser: argparse.ArgumentParser) -> None:
    """With a bench, its devices are asked."""
    parser.add_argument("--bench", metavar="NAME|FILE", help="bench whose devices are opened, one by one")
    parser.add_argument("--simulate", action="store_true", help="ask the bench's simulated twins instead")
    parser.add_argument("--recording", type=Path, metavar="FILE", help="time-tag file for a bench that is a recording")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def execute(arguments: argparse.Namespace) -> int:
    """10 where a device is not as the bench file has it."""
    versions = _versions()
    probes: list[Probe] = []
    guard = ""
    left: list[str] = []
    owed: list[str] = []
    if arguments.bench:
        from hil.cli._probe import probe_bench

        bench = load(arguments.bench, simulate=arguments.simulate)
        guard = _guard(bench, simulate=arguments.simulate)
        left = _left(bench, simulate=arguments.simulate)
        owed = _owed(bench, simulate=arguments.simulate)
        probes = list(probe_bench(bench, simulate=arguments.simulate, recording=arguments.recording))
    if arguments.json:
        print(json.dumps(_plain(versions, probes, guard) | {"left": left, "owed": owed}, indent=2, ensure_ascii=False))
    else:
        _print(versions, probes, guard)
        print(*left, *owed, sep="\n", end="\n" if left or owed else "")
    return _BROKEN if left or any(probe.trouble for probe in probes) else 0


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "system": platform.platform()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def _backends() -> list[str]:
    from pyvisa.highlevel import list_backends

    return sorted(map(str, list_backends()))


def _serial_ports(folder: Path = Path("/dev/serial/by-id")) -> dict[str, str]:
    """Names that stay with their device, and what each is at present; nothing is opened.

    Where the system keeps no such links (Windows, macOS) it is what a port's USB interface tells of itself, its serial number
    included.
    """
    if folder.is_dir() or sys.platform.startswith("linux"):
        return {str(link): str(link.resolve()) for link in sorted(folder.glob("*"))}
    from serial.tools.list_ports import comports

    return {port.hwid: port.device for port in sorted(comports()) if port.vid is not None}


def _guard(bench: Bench, *, simulate: bool) -> str:
    """What puts the bench back when the run that broke it is killed."""
    twins = simulated_devices(bench, simulate=simulate)
    real = [name for name, device in bench.device.items() if name not in twins and not isinstance(device, RecordingDevice)]
    if not real:
        return "nothing real can be left broken: the bench has no real device"
    from hil.testbed.guard.protection import GuardSettings, unfit_here

    settings = GuardSettings.of_environment()
    who = _listening(settings) if settings.listening else "each run's guardian process"
    may = [name for name in real if bench.device[name].chaos == "allow"]
    words = f"{who} makes {', '.join(real)} safe when the run is killed or hangs"
    if not may:
        return f'{words}; no real device may be broken: none says chaos = "allow"'
    if unfit := unfit_here(settings):
        return f"{words}, but faults of {', '.join(may)} are refused: {unfit}"
    return f"{words}, and heals {', '.join(may)}"


def _listening(settings: GuardSettings) -> str:
    """The guardian that listens, as it answers; DeviceError and so on where it does not."""
    from hil.testbed.guard.guardian import status

    found = status(settings.address, settings.token)
    return f"the guardian at {settings.address} (process {found['ready']}, which guards {found['guards']} runs at present)"


def _left(bench: Bench, *, simulate: bool) -> list[str]:
    """What earlier runs left broken, and what is quarantined for it; nothing is healed here."""
    from hil.testbed.guard import quarantine
    from hil.testbed.guard.journal import broken
    from hil.testbed.guard.shared_file import state_folder
    from hil.testbed.guard.ward import guarded

    addresses = guarded(bench, simulated_devices(bench, simulate=simulate))
    left = [f"{words}; the next start heals it first" for words in broken(state_folder(), addresses.values())]
    return left + [str(each) for each in quarantine.in_force(state_folder(), addresses)]


def _owed(bench: Bench, *, simulate: bool) -> list[str]:
    """What was healed in the dark, and of which nobody has seen yet that the steady state is back."""
    from hil.testbed.guard.journal import owing
    from hil.testbed.guard.shared_file import state_folder
    from hil.testbed.guard.ward import guarded

    addresses = guarded(bench, simulated_devices(bench, simulate=simulate))
    found = [each for _, each in owing(state_folder(), addresses.values())]
    return [f"{each}: healed; whether the steady state is back is looked at before the next test" for each in found]


def _plain(versions: dict[str, str], probes: Sequence[Probe], guard: str) -> dict[str, Any]:
    plain: dict[str, Any] = {"versions": versions, "executable": sys.executable}
    plain |= {"visa_backends": _backends(), "serial_ports": _serial_ports()}
    if guard:
        plain |= {"devices": [dataclasses.asdict(probe) for probe in probes], "guard": guard}
    return plain


def _print(versions: dict[str, str], probes: Sequence[Probe], guard: str) -> None:
    print(columns([[name, version] for name, version in versions.items()], indent=""))
    print(f"VISA backends: {', '.join(_backends()) or 'none'}")
    print("serial ports by id: " + ("; ".join(f"{name} -> {port}" for name, port in _serial_ports().items()) or "none"))
    if not guard:
        print("\nno --bench given, so no device was asked")
        return
    print("\n" + columns([_row(probe) for probe in probes], indent="", width=line_width()))
    for probe in probes:
        if probe.trouble:
            print(f"\n{probe.trouble}")
        notes = [f"error queue: {text}" for text in probe.errors] + [text for text in (probe.permissions,) if text]
        notes += [f"calibration: {probe.calibration}"] if probe.calibration else []
        if probe.clock_skew_ppm is not None:
            notes.append(f"clock rate: {probe.clock_skew_ppm:+g} ppm against ours, ± {probe.clock_skew_uncertainty_ppm:g} ppm")
        notes += [_CLOCK_WRONG.format(_clock(probe))] if probe.clock_wrong else []
        for note in notes:
            print(f"{probe.device}: {note}")
    print(f"\nguard: {guard}")


def _row(probe: Probe) -> list[str]:
    answers = "ok" if not probe.trouble else "WRONG" if probe.reachable else "NO ANSWER"
    latency = f"{probe.latency_ms:.1f} ms" if probe.latency_ms is not None else "–"
    told = probe.identity or probe.driver
    told += f", firmware {probe.firmware or 'not told'}" if probe.firmware not in told or not probe.firmware else ""
    told += f", required {probe.required}" if probe.required else ""
    where = "simulated" if probe.simulated else probe.address
    return [answers, probe.device, probe.role, where, latency, _clock(probe), told]


def _clock(probe: Probe) -> str:
    """How far its date and time are off."""
    if probe.clock_offset_s is None or probe.clock_uncertainty_s is None:
        return "–" if probe.latency_ms is None else "no clock"
    return f"clock {ClockOffset(probe.clock_offset_s, probe.clock_uncertainty_s)}"
