"""Simulated ID Quantique ID900 time controller: SCPI text in ZMQ requests, one reply each (port 5555 on the real one).

Counters of the inputs and combiners: one in ``CYCLE`` tells the last whole integration time (``INTE``, ms), in ``ACCUM`` all
since ``RESE``. Start-stop histograms (``HIST#``) and time stamps (``RAW#``) of the records that ``REC`` begins and ends; the
service that hands on time stamps is the second port (:mod:`._id900_datalink`). A record's events are the clicks that the
receivers count meanwhile.

Commands are those of the maker's user manual (section 9), what they answer is as open clients and the maker's examples have it
(``Value set to ...``); errors are worded as SCPI-99 has them, which is ours. Not simulated: generators (their commands are
unknown, and a link to one brings no events), outputs, the START input, which has nothing on it, thresholds and edges.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.bench.model import TimeTaggerDevice
from hil.device_sims.spec import Endpoint, Reply, TwinSpec

from ._gates import Gates
from ._id900_acquisition import Acquisition
from ._id900_commands import commands
from ._id900_datalink import DataLink, DataLinkSession
from ._id900_routing import COMBINERS, Routing
from ._nameplate import declared_as, serial_number
from ._scpi_tree import SCPI_ERRORS, ScpiError, Tree

if TYPE_CHECKING:
    from hil.device_sims.world.world import World

    from ._id900_routing import Times
    from ._scpi_tree import Handler

__all__ = ["SPEC", "Id900Session", "IdqId900"]

FIRMWARE = "1.27.3"
_INPUTS = 4
_LONGEST_MESSAGE = 4096
_PS = 1e-12


class Counter:
    """How long it counts, whether over and over, and what it has counted."""

    def __init__(self, world: World, device: str) -> None:
        self.integration_ms, self.mode = 1000, "CYCLE"
        self.gates = Gates(world, device)

    def span(self, now_ns: int) -> tuple[int, int]:
        """From when to when what it tells was counted."""
        if self.mode == "ACCUM":
            return self.gates.began_ns, now_ns
        return self.gates.span(now_ns, self.integration_ms * 1_000_000)

    def singles(self, now_ns: int) -> tuple[int, ...]:
        """Clicks at every input in that time."""
        if self.mode == "ACCUM":
            return self.gates.since_begun(now_ns)
        return self.gates.last(now_ns, self.integration_ms * 1_000_000)


class IdqId900:
    """One instrument: its counters, how its blocks are linked, and what it acquires."""

    def __init__(self, world: World, device: str) -> None:
        declared = declared_as(world, device, TimeTaggerDevice)
        self._world, self._device = world, device
        self._connected = len(declared.inputs)
        self.identity = f"ID Quantique,ID900,{serial_number(world, device, 'ID')},{FIRMWARE}"
        blocks = ["STAR", *(f"INPU{number + 1}" for number in range(_INPUTS))]
        self.counters = {
            name: Counter(world, device) for name in (*blocks, *(f"TSCO{number + 1}" for number in range(COMBINERS)))
        }
        self.routing = Routing(round(declared.window_s / _PS))
        self.acquisition = Acquisition(world, device, self.routing)
        self.kept: dict[str, str] = {}
        self._looked: tuple[tuple[int, int], dict[str, Times]] = ((0, 0), {})

    def execute(self, message: str, now_ns: int) -> list[str]:
        """The answers to one message, one for each of its commands."""
        self.acquisition.advance(now_ns)
        path: list[str] = []
        answers = []
        for unit in message.split(";"):
            if unit.strip():
                answer, path = self._execute(unit.strip(), path, now_ns)
                answers.append(answer)
        return answers

    def count(self, name: str, now_ns: int) -> int:
        """What a counter tells."""
        counter = self.counters[name]
        if name.startswith("TSCO"):
            return self._passed(name, *counter.span(now_ns))
        if name in self.acquisition.disabled or name == "STAR":
            return 0
        number = int(name[4:])
        return counter.singles(now_ns)[number - 1] if number <= self._connected else 0

    def load(self, configuration: str) -> None:
        """Everything linked and delayed as that configuration has it."""
        self.routing.load(configuration)
        self.acquisition.link_as(configuration)

    def _passed(self, combiner: str, from_ns: int, to_ns: int) -> int:
        """Events out of a combiner in that time; several are asked for the same one after the other."""
        if self._looked[0] != (from_ns, to_ns):
            times_s, inputs = self._world.beside.events(self._device, from_ns, to_ns)
            self._looked = (from_ns, to_ns), self.acquisition.sources(times_s - from_ns / 1e9, inputs)
        return int(self.routing.events(combiner, self._looked[1]).size)

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


_TREE: Tree[IdqId900] = Tree(commands())


def _build(world: World, device: str) -> tuple[Endpoint, ...]:
    instrument = IdqId900(world, device)
    link = DataLink(instrument.acquisition)
    return (
        Endpoint("control", "zmq", lambda: Id900Session(instrument)),
        Endpoint("data", "zmq", lambda: DataLinkSession(link)),
    )


SPEC = TwinSpec(
    name="idq-id900", roles=("time-tagger",), title="ID Quantique ID900 time controller (SCPI in ZMQ)", build=_build
)
