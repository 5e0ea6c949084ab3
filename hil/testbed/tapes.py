"""The tapes of an open bench: what its devices say is recorded, or comes from an earlier recording instead of devices."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Literal

from hil.bench.model import KmeDevice, RecordingDevice
from hil.bench.queries import bench_hash
from hil.errors import BenchError, UsageError
from hil.testbed.opening import Address
from hil.transports import taping
from hil.transports.tape_format import read_tapes
from hil.transports.tape_recording import Recorder
from hil.transports.tape_replay import Mode, Replay

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from hil.bench.model import Bench, Device
    from hil.clock import Clock
    from hil.ports.identity import Identity

__all__ = ["NOT_MEASURED", "TapePlan", "Tapes", "open_tapes", "replayed_devices"]

logger = logging.getLogger("hil.tapes")

NOT_MEASURED = "replayed from a tape, not measured"
"""Why nothing physical is decided on a replay."""


@dataclass(frozen=True)
class TapePlan:
    """What to do with tapes: record them into ``folder``, or replay those that are there; a folder for each bench below it."""

    action: Literal["record", "replay"]
    folder: Path
    mode: Mode = "strict"

    @property
    def replaying(self) -> bool:
        """Whether answers come from tapes."""
        return self.action == "replay"


class Tapes:
    """Either kind, as an open bench uses it."""

    def __init__(self, made: Recorder | Replay, simulated: Collection[str]) -> None:
        self._made = made
        self._simulated = simulated

    @property
    def replaying(self) -> bool:
        """Whether answers come from these tapes."""
        return isinstance(self._made, Replay)

    @contextmanager
    def of(self, name: str, declared: Device) -> Iterator[None]:
        """A driver that is built inside is on its tape; UsageError for one that talks past it."""
        if isinstance(declared, RecordingDevice):  # a file, which is its own tape
            yield
            return
        role = str(declared.__struct_config__.tag)
        if isinstance(self._made, Replay):
            tape = self._made.device(name)
            tape.seek("opening")
            with taping(tape):
                yield
            return
        stream = self._made.device(name, role=role, driver=declared.driver, simulated=name in self._simulated)
        stream.start()
        with taping(stream):
            yield
        if not stream.ports:
            raise UsageError(
                f"{name}: its driver {declared.driver} does not talk through hil.transports, so it cannot be taped; run without"
                " a tape, or have the driver use over_visa, over_raw or own_carrier"
            )

    def identified(self, device: str, identity: Identity) -> None:
        """Who a device said it is."""
        if isinstance(self._made, Recorder) and device in self._made:
            self._made.identified(device, identity)

    def section(self, name: str) -> None:
        """A test, its end, or the closing of the bench begins."""
        self._made.section(name)

    def end(self, case: str) -> list[tuple[str, Exception]]:
        """The end of a test, or with no name that of the bench; what was recorded of the test and not said now, as troubles."""
        troubles: list[tuple[str, Exception]] = []
        if isinstance(self._made, Replay):
            troubles += [(device, BenchError(f"{device}: {what}")) for device, what in self._made.left_over().items()]
        try:
            self.section(f"end of {case}" if case else "closing")
        except UsageError as error:
            troubles.append(("tapes", error))
        return troubles

    def excuse(self) -> None:
        """The present test ends early, because nothing is measured on a replay."""
        if isinstance(self._made, Replay):
            self._made.excused = True

    def addresses(self) -> dict[str, Address]:
        """Where the devices were when these tapes, which are replayed, were recorded."""
        if isinstance(self._made, Recorder):
            return {}
        ports = {name: [port.resource for port in tape.header.ports] for name, tape in self._made.tapes.items()}
        return {name: Address(*resources[:2]) for name, resources in ports.items() if resources}

    def close(self) -> None:
        """Write what is held back."""
        if isinstance(self._made, Recorder):
            self._made.close()


def open_tapes(bench: Bench, simulated: Collection[str], clock: Clock, plan: TapePlan) -> Tapes:
    """The tapes of one bench; UsageError where those to replay are missing. Of another state of the bench file it warns."""
    folder, now = plan.folder / bench.bench.name, bench_hash(bench)
    if not plan.replaying:
        about = {"framework": version("qkd-hil"), "bench": bench.bench.name, "bench_hash": now}
        return Tapes(Recorder(folder, clock, **about), simulated)
    tapes = read_tapes(folder)
    wanted = {name for name, device in bench.device.items() if not isinstance(device, KmeDevice | RecordingDevice)}
    if missing := sorted(wanted - set(tapes)):
        raise UsageError(f"{folder}: no tape of {', '.join(missing)}; record the bench again")
    if others := [name for name in sorted(wanted) if tapes[name].header.bench_hash != now]:
        logger.warning("the bench file is not as it was when %s was recorded; differences may follow", ", ".join(others))
    return Tapes(Replay(tapes, plan.mode, clock), simulated)


def replayed_devices(bench: Bench, plan: TapePlan) -> frozenset[str]:
    """The devices that were twins when they were recorded; a simulated key management entity is none of them."""
    tapes = read_tapes(plan.folder / bench.bench.name)
    return frozenset(name for name in bench.device if name in tapes and tapes[name].header.simulated)
