"""What the two parties say to each other, and how it is written: MessagePack behind a small header.

Bit strings are packed most significant bit first; arrays of integers are little-endian. Nothing here is trusted: a body that
does not decode, or whose parts do not fit each other, is refused where it is read.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from hil.errors import AuthenticationError

__all__ = [
    "Amplify",
    "Ask",
    "Bases",
    "BlockPulses",
    "Blocks",
    "Brightness",
    "Check",
    "Codes",
    "Confirm",
    "Corrected",
    "Detections",
    "EventTimes",
    "Frames",
    "Halves",
    "Header",
    "Hello",
    "Message",
    "More",
    "PairedEvents",
    "Parities",
    "Partners",
    "Pass",
    "Queries",
    "Seal",
    "Settings",
    "Stop",
    "Stretches",
    "Synchronised",
    "TestErrors",
    "decode",
    "encode",
]

VERSION = 1
_HEADER = struct.Struct("<BcI8s")


class _Message(msgspec.Struct, frozen=True, array_like=True, tag=True, forbid_unknown_fields=True):
    pass


class Hello(_Message, frozen=True):
    """First of each party: who is at which block, with which settings and how many authentication keys.

    ``keys``: next and end of the numbered keys, a->b then b->a. ``in_doubt``: Bob's block that waits for its fate; Alice's
    answer is ``fate`` (1 released, 2 discarded) under ``seal``.
    """

    nonce: bytes
    sequence: int
    settings: bytes
    keys: tuple[int, int, int, int]
    only_in_fault: bool
    in_doubt: bytes = b""
    fate: int = 0
    seal: bytes = b""


class BlockPulses(_Message, frozen=True):
    """Alice, to a receiver with tags: her count of pulses when the block began, and when it ended."""

    first: int
    end: int


class Stretches(_Message, frozen=True):
    """Bob: tell the intensities of ``length`` pulses from each of these on; none of them makes key."""

    starts: tuple[int, ...]
    length: int


class Brightness(_Message, frozen=True):
    """Alice: those intensities, one stretch after the other, four to a byte."""

    intensities: bytes


class Synchronised(_Message, frozen=True):
    """Bob: what the recovered clock showed, and which clicks it takes out of the block.

    ``outside``: too far from the centre of a pulse; ``unassigned``: of another block, or where the count of pulses changed;
    ``disclosed``: in pulses whose intensity was told.
    """

    rate_ppm: float
    delay_ns: float
    outside: int
    unassigned: int
    disclosed: int


class Detections(_Message, frozen=True):
    """Bob: pulse index (steps, the first from ``first``, with ``width`` low bits) and basis of every event, never its bit."""

    clicks: int
    lost: int
    dead: int
    crossed: int
    doubled: int
    first: int
    events: int
    width: int
    steps: bytes
    bases: bytes


class Bases(_Message, frozen=True):
    """Alice: which events she prepared in the basis they were measured in; their intensities, her bits of the test basis."""

    matched: bytes
    intensities: bytes
    test_bits: bytes


class Partners(_Message, frozen=True):
    """Alice, of an entangled link: what clicked at her end, which of Bob's events she has too, and her setting of each.

    ``bits`` are hers of the pairs that give no key: the test basis and the CHSH settings, in this order of events.
    """

    clicks: int
    lost: int
    dead: int
    crossed: int
    doubled: int
    matched: bytes
    settings: bytes
    bits: bytes


class TestErrors(_Message, frozen=True):
    """Bob: errors of the test basis by intensity; of an entangled link, also those of each pair of CHSH settings."""

    __test__ = False

    errors: tuple[int, ...]


class Pass(_Message, frozen=True):
    """Bob: cut the key, shuffled by ``seed`` (not at all where it is empty), into blocks of this size."""

    size: int
    seed: bytes


class Ask(_Message, frozen=True):
    """Bob: halve these blocks of that pass: a bit for each block of the pass, or their numbers in four bytes each."""

    of_pass: int
    count: int
    blocks: bytes
    bitmap: bool


class Halves(_Message, frozen=True):
    """Bob: in which half the error is (1: the first), a bit for each block still open."""

    bits: bytes


class Frames(_Message, frozen=True):
    """Bob: correct in frames of 2^``log2`` bits, with so many blocks in each pass, in the orders that ``seed`` gives."""

    log2: int
    blocks: tuple[int, ...]
    seed: bytes


class Blocks(_Message, frozen=True):
    """Bob: the parities of the blocks of the next pass, please."""


class Queries(_Message, frozen=True):
    """Bob: parities of the first halves of these blocks: how many of each frame, and which; four bytes each."""

    counts: bytes
    items: bytes


class Codes(_Message, frozen=True):
    """Bob: correct in so many frames, by the code with so many rows of ``lifting`` checks each; the checks, please."""

    frames: int
    rows: int
    lifting: int


class More(_Message, frozen=True):
    """Bob: which of the open frames are still wrong, a bit for each; their next checks, please."""

    open: bytes


class Parities(_Message, frozen=True):
    """Alice: parities of what was asked for."""

    bits: bytes


class Corrected(_Message, frozen=True):
    """Bob: correction is over; errors found in the key basis by intensity."""

    errors: tuple[int, ...]


class Amplify(_Message, frozen=True):
    """Alice: what the key has to hash to, and how it is shortened and shared out (``to_pool``: keys for a->b, b->a)."""

    check_key: bytes
    check: bytes
    length: int
    seed: bytes
    to_pool: tuple[int, int]


class Confirm(_Message, frozen=True):
    """Bob: my key hashes to the same."""


class Seal(_Message, frozen=True):
    """The tag over everything its sender sent in this block."""

    seal: bytes


class Stop(_Message, frozen=True):
    """The sender gives this block up, for this reason (a value of :class:`hil.pipeline.reasons.Reason`).

    ``about``: the nonce of a greeting that came too late, for which alone this is meant; the sender goes on waiting.
    """

    reason: str
    about: bytes = b""


class EventTimes(_Message, frozen=True):
    """Bob, of recorded pairs: when his events were, never in which channel; ticks, in steps with ``width`` low bits."""

    first: int
    events: int
    width: int
    steps: bytes


class PairedEvents(_Message, frozen=True):
    """Alice, of recorded pairs: which of Bob's events have a partner, ascending from event 0, and her setting of each pair."""

    pairs: int
    width: int
    steps: bytes
    settings: bytes


class Settings(_Message, frozen=True):
    """Bob, of recorded pairs: his setting of each pair."""

    settings: bytes


class Check(_Message, frozen=True):
    """Alice, of recorded pairs: what the corrected bits have to hash to."""

    check_key: bytes
    check: bytes


Message: TypeAlias = (
    Hello
    | BlockPulses
    | Stretches
    | Brightness
    | Synchronised
    | Detections
    | Bases
    | Partners
    | TestErrors
    | Pass
    | Ask
    | Halves
    | Frames
    | Blocks
    | Queries
    | Codes
    | More
    | Parities
    | Corrected
    | Amplify
    | Confirm
    | Seal
    | Stop
    | EventTimes
    | PairedEvents
    | Settings
    | Check
)

_ENCODER = msgspec.msgpack.Encoder()
_DECODER: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)


@dataclass(frozen=True)
class Header:
    """Who says it (``a`` or ``b``), as which of his messages of the block, in which block."""

    sender: str
    number: int
    block: bytes


def encode(header: Header, message: Message) -> bytes:
    """Bytes of one message."""
    return _HEADER.pack(VERSION, header.sender.encode(), header.number, header.block) + _ENCODER.encode(message)


def decode(data: bytes) -> tuple[Header, Message]:
    """Take a message apart; AuthenticationError for anything that no party of this version sends."""
    try:
        version, sender, number, block = _HEADER.unpack_from(data)
        message = _DECODER.decode(memoryview(data)[_HEADER.size :])
    except (struct.error, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise AuthenticationError("bytes that are no message of the key pipeline") from error
    if version != VERSION or sender not in {b"a", b"b"}:
        raise AuthenticationError(f"a message of version {version}, this side speaks version {VERSION}")
    return Header(sender.decode(), number, block), message
