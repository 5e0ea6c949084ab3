"""Stops a test at one moment of a fault's life, and says so: there the run is killed, ends itself, or hangs."""

from __future__ import annotations

import json
import os
import socket
import threading
from typing import Any

import pytest

from hil.testbed.guard.guardian import Guardian
from hil.testbed.guard.pulse import PulseClock
from hil.testbed.injection.fault_bench import TestbedFaultBench
from hil.testbed.testbed import Testbed

MOMENT, WAY, TO = os.environ["CELL_MOMENT"], os.environ["CELL_WAY"], os.environ["CELL_SOCKET"]
FAULT = "fiber_cut"
guardians: list[int] = []
over: list[str] = []
moving: list[str] = []


def reach(moment: str) -> None:
    """Here it is: say so, once, and end, hang, or wait for whoever kills us."""
    if moment != MOMENT or over:
        return
    over.append(moment)
    told = socket.socket(socket.AF_UNIX)
    told.connect(TO)
    told.sendall(json.dumps({"pid": os.getpid(), "guardian": guardians[0]}).encode() + b"\n")
    if WAY == "os._exit":
        os._exit(3)
    if WAY == "hang":
        threading.Event().wait()
    told.recv(1)


def around(cls: Any, name: str, before: Any = None, after: Any = None) -> None:
    original = getattr(cls, name)

    def wrapped(self: Any, *arguments: Any, **named: Any) -> Any:
        if before is not None:
            before(self, *arguments)
        result = original(self, *arguments, **named)
        if after is not None:
            after(self, *arguments)
        return result

    setattr(cls, name, wrapped)


def cuts(words: Any) -> bool:
    return FAULT in str(words.get("fault", ""))


def before_write(_bench: Any, device: str, setting: str, value: float) -> None:
    if device != "switch":
        return
    if value == 1:
        reach("before the undo moves")
    moving.append("undo" if value == 1 else "cut")


def after_write(_bench: Any, device: str, setting: str, value: float) -> None:
    if device != "switch":
        return
    moving.clear()
    if value != 1:
        reach("moved, not yet seen")


def before_release(guardian: Any, number: int) -> None:
    if not moving and over_cut(number):
        reach("healed, not yet released")


cut_numbers: set[int] = set()


def over_cut(number: int) -> bool:
    return number in cut_numbers


def before_hold(guardian: Any, number: int, undos: Any, fault: str = "") -> None:
    guardians[:] = [guardian.pid]
    if fault.startswith(FAULT):
        cut_numbers.add(number)
        reach("planned")


def after_hold(guardian: Any, number: int, undos: Any, fault: str = "") -> None:
    if fault.startswith(FAULT):
        reach("journalled, before the move")


def after_write_to_guardian(guardian: Any, words: Any) -> None:
    if cuts(words):
        reach("handed over, not yet confirmed")


def during_sleep(_clock: Any, duration_s: float) -> None:
    if moving:
        reach("in the move" if moving[-1] == "cut" else "in the undo")


around(Guardian, "hold", before_hold, after_hold)
around(Guardian, "release", before_release)
around(Guardian, "_write", after=after_write_to_guardian)
around(TestbedFaultBench, "write", before_write, after_write)
around(PulseClock, "sleep", during_sleep)
around(Testbed, "end", lambda testbed: reach("in teardown") if testbed.case else None)


def pytest_runtest_call(item: Any) -> None:
    item.funcargs["bench"]  # the fixture is made


@pytest.fixture
def reached() -> Any:
    return reach
