"""One party's side of the exchange over a block: numbering, what belongs to it, and the transcript that is tagged."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, TypeVar, cast

from hil.errors import AuthenticationError, ChannelClosedError
from hil.pipeline.event_log import Spoken
from hil.pipeline.messages import Header, Hello, Stop, decode, encode
from hil.pipeline.party import RECEIVE, Outgoing
from hil.pipeline.reasons import NoKeyError, Reason

if TYPE_CHECKING:
    from collections.abc import Generator

    from hil.pipeline.event_log import Event
    from hil.pipeline.messages import Message
    from hil.pipeline.party import Request

__all__ = ["BLOCK_ID_BYTES", "Conversation"]

M = TypeVar("M", bound="Message")

BLOCK_ID_BYTES = 8
_NOT_YET = bytes(BLOCK_ID_BYTES)
_NAMES = {"a": "Alice", "b": "Bob"}


class Conversation:
    """Sends and receives for one party (``me`` is ``a`` or ``b``) in one block.

    A message that names another block is an old one and is passed over; anything else but the next message of the other side is
    refused. ``sent`` and ``received`` hold what the tags are made of; ``nonce`` is this side's own, once it has one. A greeting
    in the middle of a block means that the other side has gone on: this block ends, and the greeting stays in ``early`` for the
    next one. ``log`` holds every message said or taken, in order.
    """

    def __init__(self, me: str, early: list[bytes] | None = None) -> None:
        self.me = me
        self._early = [] if early is None else early
        self.peer = "b" if me == "a" else "a"
        self.block = _NOT_YET
        self.digest = b""
        self.nonce = b""
        self.sent: list[bytes] = []
        self.received: list[bytes] = []
        self.log: list[Event] = []

    def name_block(self, *nonces: bytes) -> None:
        """From here on messages carry the block's own ID, the beginning of a digest that both nonces went into."""
        self.digest = hashlib.sha256(b"".join(nonces)).digest()
        self.block = self.digest[:BLOCK_ID_BYTES]

    def send(self, message: Message) -> Generator[Request, bytes | None, None]:
        """Say something."""
        data = encode(Header(self.me, len(self.sent), self.block), message)
        self.log.append(Spoken(self.me, "sent", type(message).__name__, len(self.sent), len(data)))
        self.sent.append(data)
        yield Outgoing(data)

    def receive(self, expected: type[M]) -> Generator[Request, bytes | None, M]:
        """Wait for the other side's next message, which has to be of this type.

        AuthenticationError for anything else, NoKeyError when the other side gave up, ChannelClosedError when it is gone.
        """
        message = yield from self.receive_any(cast("type[Message]", expected))
        assert isinstance(message, expected)
        return message

    def receive_any(self, *expected: type[Message]) -> Generator[Request, bytes | None, Message]:
        """The same for several types."""
        while True:
            data = (yield RECEIVE) if self.received or not self._early else self._early.pop(0)
            assert data is not None
            header, message = decode(data)
            if header.sender != self.peer:
                raise AuthenticationError(f"a message that {_NAMES[self.me]} sent came back")
            if isinstance(message, Stop) and message.about not in {b"", self.nonce}:
                continue
            if header.block == self.block or (isinstance(message, Hello) and not self.received):
                break
            if isinstance(message, Hello):
                self._early.append(data)
                raise ChannelClosedError(f"{_NAMES[self.peer]} has gone on to another block")
        if isinstance(message, Stop):
            self._heard(message, header, data)
            raise _given_up(message, _NAMES[self.peer])
        if header.number != len(self.received) or not isinstance(message, expected):
            raise AuthenticationError(
                f"message {header.number} ({type(message).__name__}) of {_NAMES[self.peer]} came where message "
                f"{len(self.received)} ({' or '.join(kind.__name__ for kind in expected)}) was due"
            )
        self._heard(message, header, data)
        self.received.append(data)
        return message

    def _heard(self, message: Message, header: Header, data: bytes) -> None:
        self.log.append(Spoken(self.me, "heard", type(message).__name__, header.number, len(data)))

    def forget_last(self) -> None:
        """The message that came last was not meant for this block."""
        self.received.pop()

    def keep_last(self) -> None:
        """The message that came last is the greeting of a later block, which will find it."""
        self._early.append(self.received.pop())

    def aside(self, message: Message) -> Generator[Request, bytes | None, None]:
        """Say something that does not count as a message of this block."""
        yield Outgoing(encode(Header(self.me, len(self.sent), _NOT_YET), message))

    def last_names_this_block(self) -> bool:
        """Whether the message that came last carries this block's ID."""
        return decode(self.received[-1])[0].block == self.block


def _given_up(message: Stop, peer: str) -> NoKeyError:
    try:
        reason = Reason(message.reason)
    except ValueError:
        return NoKeyError(None, f"{peer} gave the block up for a reason this version does not know")
    return NoKeyError(None, f"{reason.sentence} (as {peer} reports)")
