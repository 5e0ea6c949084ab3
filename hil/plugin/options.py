"""What the user may say: an option goes before its ini key, and that before its environment variable."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

import pytest

from hil.errors import HilError
from hil.units import parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["LEASE_S", "Options", "declare", "resolve"]

T = TypeVar("T")

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"", "0", "false", "no", "off"}
LEASE_S = 120.0
_SHORTEST_LEASE_S = 1.0


@dataclass(frozen=True)
class Options:
    """What was said; ``seed`` is None where a seed is to be drawn, ``record`` None where runs go to ``.hil/runs``.

    ``chaos_plan`` simulates. ``tape_dir`` is None where tapes go to the run's folder, or come from that of the last run.
    ``guard``, ``guard_token`` and ``lease_s`` are those of :class:`hil.testbed.guard.protection.GuardSettings`.
    """

    benches: tuple[str, ...] = ()
    simulate: bool = False
    seed: int | None = None
    record: Path | None = None
    recording: Path | None = None
    tape: Literal["", "record", "replay"] = ""
    tape_dir: Path | None = None
    tape_mode: Literal["strict", "keyed"] = "strict"
    guard: str = ""
    guard_token: Path | None = None
    lease_s: float = LEASE_S
    chaos_plan: bool = False
    gamedays: tuple[str, ...] = ()


def declare(parser: pytest.Parser) -> None:
    """Add the options and ini keys to pytest's own."""
    group = parser.getgroup("hil", "hardware-in-the-loop tests of quantum key distribution links")
    group.addoption(
        "--hil-bench",
        action="append",
        metavar="NAME|FILE",
        help="bench to test: the name of a shipped one or the path of a bench file; may be given again for further benches",
    )
    group.addoption(
        "--hil-simulate",
        action="store_const",
        const="true",
        help="replace every device of the bench by its simulated twin",
    )
    group.addoption("--hil-seed", metavar="N", help="seed of the run, an integer; drawn and shown when not given")
    group.addoption("--hil-record", metavar="DIR", help="folder for the run record; default .hil/runs/<run id>")
    group.addoption("--hil-recording", metavar="FILE", help="time-tag file for a bench that is a recording")
    group.addoption(
        "--hil-tape",
        metavar="record|replay",
        help="record what every device says, or replay such tapes without devices: then nothing is measured",
    )
    group.addoption(
        "--hil-tape-dir", metavar="DIR", help="folder of tapes; default tapes/ of the run; to replay, of the last that has them"
    )
    group.addoption(
        "--hil-tape-mode",
        metavar="strict|keyed",
        help="strict (default): every byte in the recorded order; keyed: each request gets its own recorded answers",
    )
    group.addoption(
        "--hil-chaos-plan",
        action="store_const",
        const="true",
        help="rehearse on twins: print what faults would move, when and how far; nothing real is opened or moved",
    )
    group.addoption(
        "--hil-gameday",
        action="append",
        metavar="NAME|FILE",
        help="game day for tests that run one: the name of a shipped one or the path of a file; default every shipped one",
    )
    group.addoption(
        "--hil-guard",
        metavar="ADDRESS",
        help="guardian of real devices: unix:PATH or tcp://HOST:PORT where `hil guard --listen` runs; local: one of this"
        " machine, also inside a container",
    )
    group.addoption("--hil-guard-token", metavar="FILE", help="file with the token of a listening guardian")
    group.addoption(
        "--hil-lease",
        metavar="TIME",
        help="how long a test may do nothing with a real bench before it counts as hung and is ended; default '120 s'",
    )
    parser.addini("hil_bench", "benches to test, as --hil-bench", type="args", default=[])
    parser.addini("hil_gameday", "game days to run, as --hil-gameday", type="args", default=[])
    for name in (
        "simulate",
        "seed",
        "record",
        "recording",
        "tape",
        "tape_dir",
        "tape_mode",
        "chaos_plan",
        "guard",
        "guard_token",
        "lease",
    ):
        parser.addini(f"hil_{name}", f"as --hil-{name.replace('_', '-')}", default="")


def resolve(config: pytest.Config, environment: Mapping[str, str] = os.environ) -> Options:
    """What holds of option, ini key and environment variable; pytest.UsageError, with the accepted form, for nonsense."""
    wrong: list[str] = []

    def of(name: str, read: Callable[[str, str], T], *, otherwise: T) -> T:
        """Every wrong one is told, not only the first."""
        try:
            return read(*_said(config, name, environment))
        except pytest.UsageError as error:
            wrong.append(str(error))
            return otherwise

    chaos_plan = of("chaos_plan", _flag, otherwise=False)
    options = Options(
        benches=_names(config, "bench", environment),
        simulate=of("simulate", _flag, otherwise=False) or chaos_plan,
        seed=of("seed", _seed, otherwise=None),
        record=_path(config, "record", environment),
        recording=_path(config, "recording", environment),
        tape=cast("Any", of("tape", partial(_choice, ("", "record", "replay")), otherwise="")),
        tape_dir=_path(config, "tape_dir", environment),
        tape_mode=cast("Any", of("tape_mode", partial(_choice, ("strict", "keyed")), otherwise="strict")),
        guard=of("guard", _guard, otherwise=""),
        guard_token=_path(config, "guard_token", environment),
        lease_s=of("lease", _lease_s, otherwise=LEASE_S),
        chaos_plan=chaos_plan,
        gamedays=_names(config, "gameday", environment),
    )
    if wrong:
        raise pytest.UsageError("\n".join(wrong))
    return options


def _names(config: pytest.Config, what: str, environment: Mapping[str, str]) -> tuple[str, ...]:
    """What may be given several times: benches, game days."""
    given: list[str] = config.getoption(f"hil_{what}") or config.getini(f"hil_{what}")
    if not given:
        given = environment.get(f"HIL_{what.upper()}", "").split(os.pathsep)
    return tuple(dict.fromkeys(name for name in given if name))


def _said(config: pytest.Config, name: str, environment: Mapping[str, str]) -> tuple[str, str]:
    """What was said and where."""
    option: Any = config.getoption(f"hil_{name}")
    if option is not None:
        return str(option), f"--hil-{name.replace('_', '-')}"
    ini = str(config.getini(f"hil_{name}"))
    if ini:
        return ini, f"ini key hil_{name}"
    variable = f"HIL_{name.upper()}"
    return environment.get(variable, ""), f"environment variable {variable}"


def _path(config: pytest.Config, name: str, environment: Mapping[str, str]) -> Path | None:
    text, where = _said(config, name, environment)
    if not text:
        return None
    base = config.rootpath if where.startswith("ini") else config.invocation_params.dir
    return (base / Path(text).expanduser()).absolute()


def _flag(text: str, where: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise pytest.UsageError(f"{where}: found {text!r}; expected true or false")


def _choice(words: tuple[str, ...], text: str, where: str) -> str:
    """One of the words, the first where nothing was said."""
    if not text:
        return words[0]
    if text not in words:
        raise pytest.UsageError(f"{where}: found {text!r}; expected {' or '.join(filter(None, words))}")
    return text


def _guard(text: str, where: str) -> str:
    if text and text != "local" and not text.startswith(("unix:", "tcp://")):
        raise pytest.UsageError(f"{where}: found {text!r}; expected unix:PATH, tcp://HOST:PORT or local")
    return text


def _lease_s(text: str, where: str) -> float:
    if not text:
        return LEASE_S
    try:
        lease_s = parse_duration(text)
    except HilError as error:
        raise pytest.UsageError(f"{where}: {error}") from None
    if not lease_s >= _SHORTEST_LEASE_S:
        raise pytest.UsageError(f"{where}: found {text!r}; expected {_SHORTEST_LEASE_S:g} s or more")
    return lease_s


def _seed(text: str, where: str) -> int | None:
    if not text:
        return None
    try:
        seed = int(text.replace("_", ""), 0)
    except ValueError:
        seed = -1
    if not 0 <= seed < 2**63:
        raise pytest.UsageError(f"{where}: found {text!r}; expected an integer from 0 to 2**63 - 1")
    return seed
