"""What Alice's and Bob's sides share in one block: the greeting, the checks, and every way a block can end without key."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hil.errors import AuthenticationError, AuthenticationKeyExhaustedError, ChannelClosedError
from hil.pipeline.account import Account
from hil.pipeline.authentication import Authenticator
from hil.pipeline.conversation import Conversation
from hil.pipeline.event_log import learned
from hil.pipeline.messages import Seal, Stop
from hil.pipeline.reasons import NoKeyError, Reason
from hil.pipeline.release import KEYS_A_TO_B, KEYS_B_TO_A
from hil.pipeline.settings import BlockResult, KeyFate
from hil.pipeline.stopwatch import Stopwatch

if TYPE_CHECKING:
    from collections.abc import Generator

    from hil.pipeline.authentication import KeyPool
    from hil.pipeline.messages import Hello
    from hil.pipeline.party import Party, Request
    from hil.pipeline.settings import BlockContext, DistillSettings, EntangledSettings

__all__ = ["NONCE_BYTES", "Session", "different_blocks"]

NONCE_BYTES = 16


def different_blocks(here: int, there: int) -> str:
    """That the two ends mean different blocks."""
    return f"{Reason.SEQUENCE.sentence} ({here} here, {there} there)"


class Session:
    """One party (``a`` or ``b``) in one block."""

    def __init__(
        self,
        me: str,
        settings: DistillSettings | EntangledSettings,
        pool: KeyPool,
        context: BlockContext,
        early: list[bytes] | None = None,
    ) -> None:
        self.account = Account(settings, context)
        self.talk = Conversation(me, early)
        self.auth = Authenticator(pool, "a->b" if me == "a" else "b->a", settings.link)
        self.pool = pool
        self.settled: BlockResult | None = None
        self.watch = Stopwatch()

    def guarded(self, steps: Party[BlockResult]) -> Party[BlockResult]:
        """Run the steps of a block; whatever goes wrong ends it without key, with the reason in words.

        AuthenticationKeyExhaustedError gets out, once the other side was told.
        """
        result = yield from self._ended(steps)
        return replace(result, log=tuple(self.talk.log), stages=self.watch.read())

    def learned(self, stage: str) -> None:
        """Put into the log what the books say when this stage is over."""
        self.talk.log.extend(learned(self.talk.me, stage, self.account))

    def _ended(self, steps: Party[BlockResult]) -> Party[BlockResult]:
        try:
            return (yield from steps)
        except NoKeyError as end:
            yield from self._tell(end.reason)
            return self.discarded(str(end.sentence))
        except AuthenticationError as error:
            yield from self._tell(Reason.REFUSED)
            return self.discarded(f"{Reason.REFUSED.sentence}: {error}")
        except ChannelClosedError as error:
            return self.discarded(f"the classical channel was cut, or a message was lost: {error}")
        except AuthenticationKeyExhaustedError:
            yield from self._tell(Reason.EXHAUSTED)
            raise

    def check_peer(self, hello: Hello, digest: bytes, *, in_step: bool = True) -> None:
        """Both ends find a mismatch out by themselves; pools are ``in_step`` unless Bob has a block to settle first."""
        mine, theirs = self.pool.position, hello.keys
        if hello.settings != digest:
            raise NoKeyError(None, Reason.SETTINGS.sentence)
        if hello.sequence != self.account.context.sequence:
            raise NoKeyError(None, different_blocks(self.account.context.sequence, hello.sequence))
        if in_step and (mine[1], mine[3]) != (theirs[1], theirs[3]):
            raise NoKeyError(Reason.POOLS)

    def require_keys(self) -> None:
        """AuthenticationKeyExhaustedError unless the pool can pay for this block."""
        self.pool.require("a->b", KEYS_A_TO_B)
        self.pool.require("b->a", KEYS_B_TO_A)

    def send_seal(self) -> Generator[Request, bytes | None, None]:
        """Tag everything said so far in this block."""
        seal = self.auth.tag(self.talk.digest, *self.talk.sent)
        yield from self.talk.send(Seal(seal))

    def receive_seal(self) -> Generator[Request, bytes | None, None]:
        """Check the tag over everything heard so far in this block; AuthenticationError."""
        heard = list(self.talk.received)
        seal = yield from self.talk.receive(Seal)
        self.auth.verify(seal.seal, self.talk.digest, *heard)

    def discarded(self, sentence: str) -> BlockResult:
        """The block's end without key."""
        self.close_books()
        return BlockResult(KeyFate.DISCARDED, self.account.report(f"no key: {sentence}"), settled=self.settled)

    def close_books(self) -> None:
        """Enter what authentication took."""
        self.account.spent_keys = self.auth.spent_keys
        self.account.transcript_bytes = sum(map(len, self.talk.sent)) + sum(map(len, self.talk.received))
        self.account.messages = len(self.talk.sent) + len(self.talk.received)

    def _tell(self, reason: Reason | None) -> Generator[Request, bytes | None, None]:
        if reason is None:
            return
        try:
            yield from self.talk.send(Stop(reason.value))
        except ChannelClosedError:
            return
