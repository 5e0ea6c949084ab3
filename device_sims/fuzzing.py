"""Throws bytes at simulated devices and looks whether they stay in step: no crash, no hang, no growth, the next answer right.

An input is a few words of the device's own language, cut, mixed with noise and changed, or any bytes. After every input the
device is asked a question whose answer is known. ``ci/fuzz`` does so a million times, over every dialect.
"""

from __future__ import annotations

import gc
import itertools
import time
import tracemalloc
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from hil import discovery
from hil.seeds import stream

from .spec import Later
from .world.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any

    import numpy as np

    from hil.bench.model import Bench

    from .spec import Session

__all__ = ["INPUTS_PER_CONVERSATION", "Fuzzed", "OutOfStepError", "Target", "fuzz", "growth", "heard", "mutated", "target_of"]

INPUTS_PER_CONVERSATION = 64
"""Clients come and go."""
STEP_NS = 1000
"""What passes between two inputs."""
_NOISE = (
    b"\0",
    b"\xff",
    b"\n",
    b"\r",
    b";",
    b":",
    b"?",
    b"*",
    b",",
    b" ",
    b"-1",
    b"1e309",
    b"nan",
    b"9" * 40,
    b"{",
    b"\x17",
    b"\xb6",
)
_LONG = 6000
"""More than a line buffer holds."""


@dataclass(frozen=True)
class Target:
    """One port of one device. ``question`` is asked after every input, and its answer ends with ``answer``.

    ``anew``: what the device does not understand ends a conversation, so the question is asked in a new one. Without a question
    it is a port that speaks by itself: whoever connects is told something that ends so.
    """

    name: str
    dialect: str
    session: Callable[[], Session]
    words: tuple[bytes, ...]
    question: bytes
    answer: bytes
    anew: bool = False
    times_ns: Iterator[int] = field(default_factory=lambda: itertools.count(0, STEP_NS), compare=False, repr=False)
    """The device's time goes on from one input to the next."""


@dataclass(frozen=True)
class Fuzzed:
    """What became of one target: inputs taken, their bytes, seconds of the processor, and of the slowest input."""

    inputs: int
    sent: int
    cpu_s: float
    slowest_s: float


class OutOfStepError(Exception):
    """A device that broke, or did not answer after an input; the message holds what it takes to see it again."""


def target_of(bench: Bench, name: str, table: Mapping[str, Any]) -> Target:
    """A port of a bench's simulated device, ``DEVICE`` or ``DEVICE.data``, in a world of its own; its table as TOML has it."""
    device, _, port = name.partition(".")
    declared = bench.device[device]
    endpoints = discovery.find("twin", declared.twin or declared.driver).build(World(bench, seed=11), device)
    endpoint = next(each for each in endpoints if each.name == (port or "control"))
    return Target(
        name=name,
        dialect=table["dialect"],
        session=endpoint.session,
        words=tuple(word.encode("latin-1") for word in table["words"]),
        question=table["question"].encode("latin-1"),
        answer=table["answer"].encode("latin-1"),
        anew=table.get("anew", False),
    )


def heard(session: Session, data: bytes, now_ns: int = 0) -> bytes:
    """What a device says to this, what it says later included."""
    replies = session.received(data, now_ns)
    return b"".join(reply.make(now_ns)[0] if isinstance(reply, Later) else reply.data for reply in replies)


def mutated(rng: np.random.Generator, words: tuple[bytes, ...], count: int) -> Iterator[bytes]:
    """Inputs made of a device's own words: some whole, most with one to three changes, a few too long."""
    for _ in range(count):
        picks = rng.integers(0, 1 << 30, size=14).tolist()
        said = bytearray(b"".join(words[pick % len(words)] for pick in picks[1 : 2 + picks[0] % 4]))
        for kind, at, what in zip(picks[5:8], picks[8:11], picks[11:14], strict=True):
            _change(said, kind % 10, at, what, words)
        yield bytes(said)


def _change(said: bytearray, kind: int, at: int, what: int, words: tuple[bytes, ...]) -> None:
    """One change, or none; in place."""
    place = at % (len(said) + 1)
    if kind == 0 and said:
        said[place % len(said)] ^= 1 << what % 8
    elif kind == 1:
        said[place:place] = _NOISE[what % len(_NOISE)]
    elif kind == 2:
        del said[place : place + 1 + what % 8]
    elif kind == 3:
        said[place:place] = said[place : place + 1 + what % 16]
    elif kind == 4:
        said[place:] = b""
    elif kind == 5:
        said[place:place] = what.to_bytes(4, "little")
    elif kind == 6 and what % 64 == 0:
        said[place:place] = (words[at % len(words)] or b"?")[:8] * (_LONG // 8)


def fuzz(target: Target, inputs: Iterable[bytes]) -> Fuzzed:
    """Hand over every input and ask the question after each; OutOfStepError for the first that is not taken."""
    session = target.session()
    count = sent = 0
    slowest_s, began = 0.0, time.process_time()
    last = began
    for data in inputs:
        if count % INPUTS_PER_CONVERSATION == 0:
            session = target.session()
        now_ns = next(target.times_ns)
        try:
            heard(session, data, now_ns)
            answer = _asked(target, session, now_ns)
        except Exception as error:  # any at all is a finding: the device died of bytes
            raise OutOfStepError(f"{target.name}: input {count} {data!r} broke it: {type(error).__name__}: {error}") from error
        if not answer.endswith(target.answer):
            raise OutOfStepError(
                f"{target.name}: after input {count} {data!r}, {target.question!r} was answered {answer[-80:]!r}; expected"
                f" {target.answer!r} at its end"
            )
        now = time.process_time()
        slowest_s, last = max(slowest_s, now - last), now
        count, sent = count + 1, sent + len(data)
    return Fuzzed(count, sent, time.process_time() - began, slowest_s)


def _asked(target: Target, session: Session, now_ns: int) -> bytes:
    if not target.question:
        promised = target.session().opened(now_ns)  # type: ignore[attr-defined]
        return b"".join(reply.make(now_ns + round(reply.delay_s * 1e9))[0] for reply in promised)
    return heard(target.session() if target.anew else session, target.question, now_ns)


def growth(target: Target, inputs: int, seed: int) -> int:
    """Bytes that the interpreter holds more after so many inputs than after as many before them.

    The device is the same all along, so that whatever an input leaves behind adds up. Time stands still: a world keeps when
    each setting moved, some 200 bytes a move, because counts of the past depend on it.
    """
    target = replace(target, times_ns=itertools.repeat(0))
    parts = [mutated(stream(seed, "fuzz", target.name, part), target.words, inputs) for part in ("first", "second", "third")]
    fuzz(target, parts[0])
    tracemalloc.start()
    try:
        held = []
        for part in parts[1:]:  # the second fills what is remembered of late with what is counted
            fuzz(target, part)
            gc.collect()
            held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    return held[1] - held[0]
