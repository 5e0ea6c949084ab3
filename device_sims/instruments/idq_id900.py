"""Simulated ID Quantique ID900 time controller: SCPI text in ZMQ requests, one reply each (port 5555 on the real one).

Counters of the inputs (``INPU1:COUN?``) and of coincidences (``TSCO6:COUN?``) in the instrument's own configuration
``COUNT``: TSCO6, 7 and 8 count inputs 1/2, 1/3 and 1/4, TSCO3 and 4 inputs 2/3 and 2/4, TSCO5 inputs 3/4, each within the
window between its two delays. A counter in ``CYCLE`` tells the last whole integration time (``INTE``, ms), in ``ACCUM``
all since ``RESE``. Answers to settings (``Value set to ...``) and names as in open drivers; errors are worded as SCPI-99
has them, which is ours. Histograms and time stamps are not simulated: asked for they are unknown.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hil.bench.model import TimeTaggerDevice
from hil.device_sims.spec import Endpoint, Reply, TwinSpec

from ._gates import Gates
from ._nameplate import declared_as, serial_number
from ._scpi_tree import SCPI_ERRORS, ScpiError, Tree
from ._scpi_values import number_with_unit, one, word

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil.device_sims.world.world import World

    from ._scpi_tree import Handler

__all__ = ["SPEC", "Id900Session", "IdqId900"]

FIRMWARE = "1.27.3"
_INPUTS = 4
_COMBINERS = {6: (1, 2, 0.5), 7: (1, 3, 1.5), 8: (1, 4, 2.5), 3: (2, 3, 1.5), 4: (2, 4, 2.5), 5: (3, 4, 2.5)}
"""Number, the two inputs, and where the window begins, in widths of the window, as the maker's own configuration sets it."""
_LONGEST_MESSAGE = 4096
_PS = 1e-12
_TIME = {"PS": 1.0, "TB": 1.0, "NS": 1e3, "US": 1e6, "MS": 1e9}
_VOLTS = {"V": 1.0, "MV": 1e-3}


class Counter:
    """How long it counts, whether over and over, and what it has counted."""

    def __init__(self, world: World, device: str) -> None:
        self.integration_ms, self.cycles = 1000, True
        self.gates = Gates(world, device)

    def span(self, now_ns: int) -> tuple[int, int]:
        """From when to when what it tells was counted."""
        if not self.cycles:
            return self.gates.began_ns, now_ns
        return self.gates.span(now_ns, self.integration_ms * 1_000_000)

    def singles(self, now_ns: int) -> tuple[int, ...]:
        """Clicks at every input in that time."""
        if not self.cycles:
            return self.gates.since_begun(now_ns)
        return self.gates.last(now_ns, self.integration_ms * 1_000_000)


class IdqId900:
    """One instrument: counters, delays and windows."""

    def __init__(self, world: World, device: str) -> None:
        declared = declared_as(world, device, TimeTaggerDevice)
        self._world, self._device = world, device
        self._connected = len(declared.inputs)
        self.identity = f"ID Quantique,ID900,{serial_number(world, device, 'ID')},{FIRMWARE}"
        self.counters = {
            name: Counter(world, device)
            for name in ("STAR", *_names("INPU", range(1, _INPUTS + 1)), *_names("TSCO", _COMBINERS))
        }
        width_ps = round(declared.window_s / _PS)
        self.delay_ps = dict.fromkeys(range(1, 5), 0) | {number: width_ps * (number - 5) for number in (6, 7, 8)}
        self.window_ps = {
            number: [round(width_ps * begin), round(width_ps * (begin + 1.0))] for number, (_, _, begin) in _COMBINERS.items()
        }
        self.kept: dict[str, str] = {}

    def execute(self, message: str, now_ns: int) -> list[str]:
        """The answers to one message, one for each of its commands."""
        path: list[str] = []
        answers = []
        for unit in message.split(";"):
            if unit.strip():
                answer, path = self._execute(unit.strip(), path, now_ns)
                answers.append(answer)
        return answers

    def count(self, name: str, now_ns: int) -> int:
        """What a counter tells."""
        counter, block, number = self.counters[name], name[:4], int(name[4:] or 0)
        if block == "TSCO":
            return self._coincidences(number, *counter.span(now_ns))
        return counter.singles(now_ns)[number - 1] if 1 <= number <= self._connected else 0

    def _coincidences(self, number: int, from_ns: int, to_ns: int) -> int:
        first, second, _ = _COMBINERS[number]
        if max(first, second) > self._connected:
            return 0
        begin_ps, end_ps = self.window_ps[number]
        delay_ps = self.delay_ps[first] - self.delay_ps[second + 4] + (begin_ps + end_ps) / 2.0
        (found,) = self._world.beside.coincidences(
            self._device,
            [(first - 1, second - 1)],
            from_ns,
            to_ns,
            window_s=max(0.0, end_ps - begin_ps) * _PS,
            delay_s=delay_ps * _PS,
        )
        return found

    def _execute(self, unit: str, path: list[str], now_ns: int) -> tuple[str, list[str]]:
        head, *tail = unit.split(maxsplit=1)
        if head.upper() == "*IDN?":
            return self.identity, path
        query, absolute = head.endswith("?"), head.startswith(":")
        words = head.strip(":?").upper().split(":")
        parameters = [parameter.strip().upper() for parameter in tail[0].split(",")] if tail else []
        try:
            handler, words = self._found(words, [] if absolute else path, query=query)
            answer = handler(self, parameters, now_ns)
        except ScpiError as error:
            return f'{error.code},"{SCPI_ERRORS[error.code]}"', path
        return answer or "", words[:-1]

    @staticmethod
    def _found(words: list[str], path: list[str], *, query: bool) -> tuple[Handler[IdqId900], list[str]]:
        """A command goes on from the path of the one before it or begins at the root, with a colon or without."""
        if path:
            try:
                return _TREE.find([*path, *words], query=query), [*path, *words]
            except ScpiError:
                pass
        return _TREE.find(words, query=query), words


class Id900Session:
    """One client: a message in, a message out, whatever it says."""

    def __init__(self, instrument: IdqId900) -> None:
        self._instrument = instrument

    def received(self, data: bytes, now_ns: int) -> list[Reply]:
        """Answer one message."""
        if len(data) > _LONGEST_MESSAGE or not data.isascii():
            return [Reply(b'-363,"Input buffer overrun"' if data.isascii() else b'-101,"Invalid character"')]
        return [Reply("\n".join(self._instrument.execute(data.decode("ascii"), now_ns)).encode("ascii"))]


def _names(block: str, numbers: object) -> list[str]:
    return [f"{block}{number}" for number in numbers]  # type: ignore[attr-defined]


def _set_to(text: object) -> str:
    return f"Value set to {text}"


def _tell(read: Callable[[IdqId900, int], object]) -> Handler[IdqId900]:
    def handler(instrument: IdqId900, parameters: list[str], now_ns: int) -> str:
        if parameters:
            raise ScpiError(-108)
        return str(read(instrument, now_ns))

    return handler


def _integrate(name: str) -> Handler[IdqId900]:
    def handler(instrument: IdqId900, parameters: list[str], now_ns: int) -> str:
        value = number_with_unit(one(parameters), {})
        if not 1 <= value < 2**31 or not math.isfinite(value):
            raise ScpiError(-222)
        counter = instrument.counters[name]
        counter.integration_ms = int(value)
        counter.gates.begin(now_ns)
        return _set_to(counter.integration_ms)

    return handler


def _mode(name: str) -> Handler[IdqId900]:
    def handler(instrument: IdqId900, parameters: list[str], _now_ns: int) -> str:
        chosen = word(parameters, "CYCLe", "ACCUm").upper()
        instrument.counters[name].cycles = chosen == "CYCLE"
        return _set_to(chosen)

    return handler


def _reset(name: str) -> Handler[IdqId900]:
    def handler(instrument: IdqId900, parameters: list[str], now_ns: int) -> str:
        if parameters:
            raise ScpiError(-108)
        instrument.counters[name].gates.begin(now_ns)
        return "Counter value set to 0"

    return handler


def _delay(number: int) -> Handler[IdqId900]:
    def handler(instrument: IdqId900, parameters: list[str], _now_ns: int) -> str:
        instrument.delay_ps[number] = _picoseconds(parameters)
        return _set_to(f"{instrument.delay_ps[number]}TB")

    return handler


def _window(number: int, side: int) -> Handler[IdqId900]:
    def handler(instrument: IdqId900, parameters: list[str], _now_ns: int) -> str:
        instrument.window_ps[number][side] = _picoseconds(parameters)
        return _set_to(f"{instrument.window_ps[number][side]}TB")

    return handler


def _picoseconds(parameters: list[str]) -> int:
    value = number_with_unit(one(parameters), _TIME)
    if not abs(value) <= 1e12:
        raise ScpiError(-222)
    return round(value)


def _keep(pattern: str, initial: str, *words: str) -> dict[str, Handler[IdqId900]]:
    """A setting that is kept and told: one of some words, or a voltage."""

    def put(instrument: IdqId900, parameters: list[str], _now_ns: int) -> str:
        if words:
            instrument.kept[pattern] = word(parameters, *words).upper()
        else:
            instrument.kept[pattern] = f"{number_with_unit(one(parameters), _VOLTS):g}V"
        return _set_to(instrument.kept[pattern])

    return {pattern: put, f"{pattern}?": _tell(lambda instrument, _: instrument.kept.get(pattern, initial))}


def _counter(name: str, block: str) -> dict[str, Handler[IdqId900]]:
    under = f"{block}:COUNter"
    return {
        f"{under}?": _tell(lambda instrument, now_ns: instrument.count(name, now_ns)),
        f"{under}:INTEgration": _integrate(name),
        f"{under}:INTEgration?": _tell(lambda instrument, _: instrument.counters[name].integration_ms),
        f"{under}:MODE": _mode(name),
        f"{under}:MODE?": _tell(lambda instrument, _: "CYCLE" if instrument.counters[name].cycles else "ACCUM"),
        f"{under}:RESEt": _reset(name),
    }


def _input(name: str, block: str) -> dict[str, Handler[IdqId900]]:
    return {
        **_counter(name, block),
        **_keep(f"{block}:ENABle", "ON", "ON", "OFF"),
        **_keep(f"{block}:EDGE", "RISING", "RISIng", "FALLing"),
        **_keep(f"{block}:COUPling", "DC", "DC", "AC"),
        **_keep(f"{block}:SELEct", "UNSHAPED", "UNSHaped", "SHAPed"),
        **_keep(f"{block}:THREshold", "0.1V"),
    }


def _delayed(number: int, pattern: str) -> dict[str, Handler[IdqId900]]:
    return {pattern: _delay(number), f"{pattern}?": _tell(lambda instrument, _: f"{instrument.delay_ps[number]}TB")}


def _combiner(number: int) -> dict[str, Handler[IdqId900]]:
    commands = _counter(f"TSCO{number}", f"TSCO{number}")
    for side, name in enumerate(("BEGIn", "END")):
        pattern = f"TSCO{number}:WINDow:{name}:DELAy"
        commands[pattern] = _window(number, side)
        commands[f"{pattern}?"] = _tell(lambda instrument, _, side=side: f"{instrument.window_ps[number][side]}TB")  # type: ignore[misc]
    commands[f"TSCO{number}:LINK"] = lambda _instrument, parameters, _now_ns: _set_to(one(parameters))
    return commands


def _load(_instrument: IdqId900, parameters: list[str], _now_ns: int) -> str:
    """The configuration it has."""
    if one(parameters) != "COUNT":
        raise ScpiError(-222)
    return _set_to("COUNT")


def _commands() -> dict[str, Handler[IdqId900]]:
    commands = {
        "DEVIce:RESolution:BWIDth?": _tell(lambda _instrument, _now_ns: "100TB"),
        "DEVIce:CONFIguration:LOAD": _load,
        **_input("STAR", "STARt"),
    }
    for number in range(1, _INPUTS + 1):
        commands |= _input(f"INPU{number}", f"INPUt{number}") | _delayed(number, f"INPUt{number}:DELAy")
    for number in (1, 2, 3, 4, 6, 7, 8):
        commands |= _delayed(number, f"DELA{number}:VALUe")
    for number in _COMBINERS:
        commands |= _combiner(number)
    return commands


_TREE: Tree[IdqId900] = Tree(_commands())


def _build(world: World, device: str) -> tuple[Endpoint, ...]:
    instrument = IdqId900(world, device)
    return (Endpoint("control", "zmq", lambda: Id900Session(instrument)),)


SPEC = TwinSpec(
    name="idq-id900", roles=("time-tagger",), title="ID Quantique ID900 time controller (SCPI in ZMQ)", build=_build
)
