"""PyMeasure's own dialogues with the LDC500 and the PM100USB, answered by our simulated instruments; the score is printed."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from hil import discovery
from hil.bench import load
from hil.device_sims.world.world import World

HERE = Path(__file__).parent
DIALOGUES = tomllib.loads(HERE.joinpath("pymeasure_dialogues.toml").read_text(encoding="utf-8"))
BENCHES = {"ldc500": str(HERE.parents[1] / "contract" / "shelf.toml"), "meter": "metro-25km"}
SENSOR = re.compile(r"[^,]+(,[^,]*){4},\d+")


def session_of(device: str) -> Any:
    bench = load(BENCHES[device])
    return discovery.find("twin", bench.device[device].driver).build(World(bench, seed=7), device)[0].session()


def is_due(reply: str, due: str, value: float | None) -> bool:
    """Byte for byte, but for what is measured, and for the sensor, whose six fields end in its flags."""
    if due == "sensor":
        return bool(SENSOR.fullmatch(reply))
    if due != "number":
        return reply == due
    try:
        return value is None or float(reply) == value if reply else False
    except ValueError:
        return False


def kind(command: str) -> str:
    """A command without its value: ``SILD``, ``SILD?``, ``SENS:CORR:WAV? MIN``."""
    return command if "?" in command else command.split(maxsplit=1)[0]


def answered(device: str) -> dict[str, bool]:
    """Every distinct command, and whether it was answered as it should be wherever it occurs."""
    result: dict[str, bool] = {}
    for dialogue in DIALOGUES[device]:
        session, due = session_of(device), list(dialogue["replies"])
        for command in dialogue.get("after", []):
            session.received(command.encode() + b"\n", 0)
        for command in dialogue["commands"]:
            told = b"".join(reply.data for reply in session.received(command.encode() + b"\n", 0)).decode()
            if due[:1] == ["refused"]:
                good = told == "" and errors(session, device) != "0"
                due.pop(0)
            elif "?" in command:
                good = told.endswith("\n") and is_due(told[:-1], due.pop(0), dialogue.get("value"))
            else:
                good = told == "" and errors(session, device) == "0"
            result[kind(command)] = result.get(kind(command), True) and good
        assert not due
    return result


def errors(session: Any, device: str) -> str:
    """What the instrument says about the command before, 0 for nothing."""
    query = {"ldc500": b"LEXE?;LCME?\n", "meter": b"SYST:ERR?\n"}[device]
    told = b"".join(reply.data for reply in session.received(query, 0))
    return "0" if told in {b"0\n0\n", b'+0,"No error"\n'} else told.decode()


@pytest.mark.parametrize("device", ["ldc500", "meter"])
def test_are_answered(device: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every distinct command of either."""
    result = answered(device)
    right = sum(result.values())
    with capsys.disabled():
        print(f"\nPyMeasure's dialogues with {device}: {right} of {len(result)} distinct commands answered")
    assert right == len(result), [command for command, good in result.items() if not good]


@pytest.mark.parametrize(
    ("device", "module"),
    [("ldc500", "pymeasure/instruments/srs/ldc500series.py"), ("meter", "pymeasure/instruments/thorlabs/thorlabspm100usb.py")],
)
def test_the_table_holds_every_command_of_the_installed_class(device: str, module: str) -> None:
    """Nothing was left out: what stands between quotes in the installed driver and looks like a command is in the table."""
    spec = importlib.util.find_spec("pymeasure")
    assert spec is not None
    assert spec.origin is not None
    text = Path(spec.origin).parent.parent.joinpath(module).read_text(encoding="utf-8")
    pattern = r'"([A-Z]{4}\??)(?= [%{]|")' if device == "ldc500" else r'"((?:[A-Z]+:)+[A-Z]+\??(?: (?:MIN|MAX))?)(?= \{|")'
    sent = {found for found in re.findall(pattern, text) if found not in {"HIGH", "OPEN"}}
    assert sent
    assert sent <= {kind(command) for dialogue in DIALOGUES[device] for command in dialogue["commands"]}
