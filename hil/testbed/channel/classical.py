"""The classical channel of a link while it runs: blocks go in, what both parties made of each comes out in order."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from hil.device_sims.kme import CertificateAuthority
from hil.errors import UsageError
from hil.pipeline.connecting import Caller, Listener, TlsIdentity
from hil.pipeline.endpoint import Endpoint
from hil.pipeline.memory_wire import MemoryMeeting
from hil.pipeline.stepping import intercepted, run_pair
from hil.testbed.channel.classical_channel import SUFFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Executor, Future

    from hil.bench.model import Classical, ClassicalEnd
    from hil.pipeline.party import Party
    from hil.pipeline.settings import BlockContext, BlockResult
    from hil.pipeline.stepping import Interceptor
    from hil.pipeline.transcript import TranscriptWriter
    from hil.pipeline.wire import Wire
    from hil.ports.detections import DetectionRecords, TagRecords
    from hil.ports.run import BlockReport
    from hil.testbed.link import Link
    from hil.transports.fault_proxy.piece import Framing

    Begin = Callable[[], Party[BlockResult]]
    Both = tuple[BlockResult, BlockResult]

__all__ = ["Flow", "TwoParties", "flowing", "wrapped"]


class TwoParties(Protocol):
    """Alice and Bob of a link, a pair to each lane."""

    def begin(self, context: BlockContext, records: tuple[DetectionRecords | TagRecords, ...]) -> tuple[Begin, Begin]:
        """What starts a block at either end."""

    def lost(self, context: BlockContext, sentence: str) -> BlockReport:
        """The books of a block that neither of them ever saw."""

    @property
    def settings_digest(self) -> bytes:
        """Of everything both were set up with."""


class Flow:
    """Blocks of one run: at most as many in flight as the bench file says, the parties in this thread or in two others."""

    def __init__(
        self, ends: tuple[Endpoint[BlockResult], Endpoint[BlockResult]] | None, lanes: int, worker: Executor | None = None
    ) -> None:
        self._ends = ends
        self._lanes = lanes
        self._worker = worker
        self._stepped: deque[Future[Both]] = deque()
        self._waiting: deque[tuple[Future[BlockResult], Future[BlockResult]]] = deque()
        self._done: deque[Both] = deque()

    def submit(self, begin_a: Begin, begin_b: Begin) -> None:
        """One more block."""
        if self._worker is not None:
            self._stepped.append(self._worker.submit(lambda: run_pair(begin_a(), begin_b())))
        elif self._ends is None:
            self._done.append(run_pair(begin_a(), begin_b()))
        else:
            self._waiting.append((self._ends[0].submit(begin_a), self._ends[1].submit(begin_b)))

    def finished(self, *, all_of_them: bool = False) -> Iterator[Both]:
        """Results of the oldest blocks; waits until fewer than as many as may be are in flight, or none."""
        yield from self._done
        self._done.clear()
        while self._stepped and (all_of_them or len(self._stepped) > 1 or self._stepped[0].done()):
            yield self._stepped.popleft().result()
        while self._waiting and (all_of_them or len(self._waiting) >= self._lanes or self._over()):
            of_a, of_b = self._waiting.popleft()
            yield of_a.result(), of_b.result()

    def _over(self) -> bool:
        return all(future.done() for future in self._waiting[0])


@contextmanager
def flowing(link: Link, *, ahead: bool = False) -> Iterator[Flow]:
    """Both ends of the link's classical channel, connected as its bench file says; closed in the end, whatever happens.

    A connection of sockets goes through a fault proxy where something of the test may break it (fixture ``chaos``).
    ``ahead``: parties that are stepped are stepped in a thread of their own, while the next block is taken.
    """
    declared = link.declared.classical
    with ExitStack() as stack:
        ends = _ends(link, declared, stack) if declared.transport != "stepped" else None
        worker = None
        if ends is None and ahead:
            worker = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix=f"hil-distil-{link.name}"))
        yield Flow(ends, declared.lanes, worker)


def wrapped(
    begins: tuple[Begin, Begin], sequence: int, interceptor: Interceptor | None, transcript: TranscriptWriter | None
) -> tuple[Begin, Begin]:
    """The same parties with whoever sits on the channel, and with their transcript written."""

    def one(begin: Begin, side: Literal["a", "b"]) -> Party[BlockResult]:
        party = begin()
        if transcript is not None:
            party = transcript.record(side, sequence, party)
        return party if interceptor is None else intercepted(party, "a->b" if side == "a" else "b->a", interceptor)

    return (lambda: one(begins[0], "a")), (lambda: one(begins[1], "b"))


def _ends(link: Link, declared: Classical, stack: ExitStack) -> tuple[Endpoint[BlockResult], Endpoint[BlockResult]]:
    lanes, timeout_s = declared.lanes, declared.timeout_s
    if declared.transport == "memory":
        meeting = MemoryMeeting()
        connects: tuple[Callable[[], Wire], Callable[[], Wire]] = partial(meeting.connect, "a"), partial(meeting.connect, "b")
    else:
        tls = _identities(link, declared, stack) if declared.transport == "tls" else (None, None)
        listener = stack.enter_context(Listener(_address(declared.address), lanes, timeout_s, tls[0]))
        called = _address(declared.through) if declared.through else listener.address
        channel = link.testbed.broken_classical(link.name + SUFFIX)
        if channel is not None:
            framing: Framing = "parties" if declared.transport == "tcp" else "chunks"
            called = stack.enter_context(channel.routing("parties", called, framing))
        connects = listener.connect, Caller(called, lanes, timeout_s, tls[1]).connect
    of_a: Endpoint[BlockResult] = stack.enter_context(Endpoint(f"{link.name}-a", connects[0], lanes, timeout_s))
    of_b: Endpoint[BlockResult] = stack.enter_context(Endpoint(f"{link.name}-b", connects[1], lanes, timeout_s))
    return of_a, of_b


def _identities(link: Link, declared: Classical, stack: ExitStack) -> tuple[TlsIdentity, TlsIdentity]:
    """As the bench file says; twins without certificates are given some for the run."""
    names = {"a": _name(link, "a", declared.a), "b": _name(link, "b", declared.b)}
    if not declared.ca_file:
        if not link.simulated:
            raise UsageError(f"link {link.name}: TLS between real devices takes certificates; see [link.{link.name}.classical]")
        authority = CertificateAuthority()
        stack.callback(authority.close)
        files = [authority.issue_party(names[side]) for side in ("a", "b")]
        return TlsIdentity(*files[0], names["b"]), TlsIdentity(*files[1], names["a"])
    ca = Path(declared.ca_file)
    of_a, of_b = ((Path(end.certificate_file), Path(end.private_key_file)) for end in (declared.a, declared.b))
    return TlsIdentity(ca, *of_a, names["b"]), TlsIdentity(ca, *of_b, names["a"])


def _name(link: Link, side: Literal["a", "b"], end: ClassicalEnd) -> str:
    return end.name or link.declared.parties[side]


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)
