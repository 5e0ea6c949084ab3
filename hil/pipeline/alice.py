"""Alice's side of the key pipeline: she holds the reference key, answers parities and decides about release."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from hil.errors import AuthenticationError, ChannelClosedError
from hil.pipeline._session import NONCE_BYTES, Session, different_blocks
from hil.pipeline.amplification import amplify, seed_bits
from hil.pipeline.authentication import KEY_BITS
from hil.pipeline.decision import allow_correction, allow_release, key_sentence
from hil.pipeline.messages import Amplify, Confirm, Detections, Hello, Stop, TestErrors
from hil.pipeline.proof import proof_of
from hil.pipeline.reasons import NoKeyError, Reason
from hil.pipeline.reconciliation import choice
from hil.pipeline.release import Output, shares
from hil.pipeline.settings import BlockResult, KeyFate, settings_digest
from hil.pipeline.sifting import answer_bases, of_sent_pulses
from hil.pipeline.timing import SEARCH_S, disclose_brightness
from hil.pipeline.verification import CHECK_KEY_BYTES, check_value

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    import numpy.typing as npt

    from hil.pipeline.authentication import KeyPool
    from hil.pipeline.entropy import Entropy
    from hil.pipeline.party import Party, Request
    from hil.pipeline.settings import BlockContext, DistillSettings, EntangledSettings
    from hil.ports.detections import Preparations

    Prepare = Callable[[npt.NDArray[np.int64]], Preparations]

__all__ = ["FATE_DISCARDED", "FATE_RELEASED", "Alice", "AliceSide", "fate_parts"]

Raw = TypeVar("Raw")

FATE_RELEASED, FATE_DISCARDED = 1, 2
_REMEMBERED = 64
_MOST_AHEAD = 64
"""Blocks that a greeting may be ahead of Alice's own and still be waited for; one that somebody made up costs no more."""


def fate_parts(in_doubt: bytes, fate: int, block: bytes) -> tuple[bytes, ...]:
    """What Alice tags when she tells the fate of an earlier block at the start of this one."""
    return (b"fate", in_doubt, bytes([fate]), block)


class AliceSide(Generic[Raw]):
    """All of a block but the sifting, which her raw data decide about.

    Lives as long as the link; ``pool`` and what became of earlier blocks go from block to block.
    """

    def __init__(self, settings: DistillSettings | EntangledSettings, pool: KeyPool, entropy: Entropy) -> None:
        self.pool = pool
        self._all_settings = settings
        self._entropy = entropy
        self._promise = proof_of(settings)
        self._released: dict[bytes, None] = {}
        self._early: list[bytes] = []

    def block(self, context: BlockContext, raw: Raw) -> Party[BlockResult]:
        """Distil one block out of her raw data.

        AuthenticationKeyExhaustedError when the pool cannot pay for a block.
        """
        session = Session("a", self._all_settings, self.pool, context, self._early)
        return session.guarded(self._distil(session, raw))

    def _distil(self, session: Session, raw: Raw) -> Party[BlockResult]:
        talk, account = session.talk, session.account
        only_in_fault, sent_keys, heard_keys = yield from self._greet(session)
        bits = yield from self._sift(session, raw)
        session.learned("sifting")
        session.watch.call("estimate", allow_correction, account, self._promise, only_in_fault=only_in_fault)
        session.learned("estimation")
        answering = choice.answer(talk, bits, self._all_settings.reconciliation)
        corrected, account.disclosed = yield from session.watch.through("reconcile", answering)
        account.key_errors = tuple(corrected.errors)
        if len(account.key_errors) != len(account.key) or min(account.key_errors) < 0:
            raise AuthenticationError("errors of the key basis that cannot be")
        session.learned("reconciliation")
        length = session.watch.call("estimate", allow_release, account, self._promise)
        account.secret_bits = length
        session.learned("amplification")
        to_pool = shares(length, self.pool.target_keys, sent_keys, heard_keys)
        account.pool_bits = KEY_BITS * sum(to_pool)
        if not account.adds_up():
            raise NoKeyError(Reason.LEDGER)
        seed = self._entropy.draw("toeplitz seed", -(-seed_bits(bits.size, length) // 8))
        check_key = self._entropy.draw("verification key", CHECK_KEY_BYTES)
        check = session.watch.call("verify", check_value, bits, check_key)
        yield from talk.send(Amplify(check_key, check, length, seed, to_pool))
        yield from session.watch.through("authenticate", session.send_seal())
        matrix = np.unpackbits(np.frombuffer(seed, dtype=np.uint8), count=seed_bits(bits.size, length))
        secret = session.watch.call("amplify", amplify, bits, matrix, length)
        output = session.watch.call("cut", Output.of, secret, account, talk.digest, to_pool)
        yield from talk.receive(Confirm)
        yield from session.watch.through("authenticate", session.receive_seal())
        return (yield from self._release(session, output))

    def _greet(self, session: Session) -> Generator[Request, bytes | None, tuple[bool, tuple[int, int], tuple[int, int]]]:
        """Answer Bob; whether all of the block was under a fault, and the keys of both senders."""
        talk, context = session.talk, session.account.context
        hello = yield from self._same_block(session)
        digest = settings_digest(self._all_settings, self.pool)
        nonce = talk.nonce = self._entropy.draw("nonce", NONCE_BYTES)
        position = self.pool.position
        talk.name_block(hello.nonce, nonce)
        fate, seal = 0, b""
        if hello.in_doubt:
            fate = FATE_RELEASED if hello.in_doubt in self._released else FATE_DISCARDED
            seal = session.auth.tag(*fate_parts(hello.in_doubt, fate, talk.digest))
        mine = Hello(nonce, context.sequence, digest, position, context.only_in_fault, hello.in_doubt, fate, seal)
        yield from talk.send(mine)
        session.check_peer(hello, digest, in_step=not hello.in_doubt)
        session.require_keys()
        return hello.only_in_fault or context.only_in_fault, position[:2], hello.keys[2:]

    def _same_block(self, session: Session) -> Generator[Request, bytes | None, Hello]:
        """Bob's greeting of this block. Whoever is behind goes on at once, so that a cut leaves nobody waiting in the past."""
        talk, sequence = session.talk, session.account.context.sequence
        while True:
            hello = yield from talk.receive(Hello)
            ahead = hello.sequence - sequence
            if not ahead:
                return hello
            if 0 < ahead <= _MOST_AHEAD:
                talk.keep_last()
                raise NoKeyError(None, different_blocks(sequence, hello.sequence))
            talk.forget_last()
            yield from talk.aside(Stop(Reason.SEQUENCE.value, hello.nonce))

    def _sift(self, session: Session, raw: Raw) -> Generator[Request, bytes | None, npt.NDArray[np.uint8]]:
        """Her bits of the key basis; counts go into the account."""
        raise NotImplementedError

    def _release(self, session: Session, output: Output) -> Party[BlockResult]:
        """From here on nothing takes the key back: Bob has it, and hears now or at the next block that it is released."""
        account = session.account
        output.replenish(self.pool)
        self._released[session.talk.digest] = None
        if len(self._released) > _REMEMBERED:
            del self._released[next(iter(self._released))]
        with suppress(ChannelClosedError):  # cut just here: Bob asks at the next block
            yield from session.send_seal()
        session.close_books()
        report = account.report(key_sentence(account), output.fingerprints, released=True)
        return BlockResult(KeyFate.RELEASED, report, output.keys)


class Alice(AliceSide["Prepare"]):
    """Alice with a transmitter: her raw data are a function that tells the settings of the pulses that clicked."""

    def __init__(self, settings: DistillSettings, pool: KeyPool, entropy: Entropy) -> None:
        super().__init__(settings, pool, entropy)
        self.settings = settings

    def _sift(self, session: Session, raw: Prepare) -> Generator[Request, bytes | None, npt.NDArray[np.uint8]]:
        """Answer Bob's announcement, and hear the errors of the test basis."""
        account, prepare = session.account, raw
        if self.settings.receiver.timing is not None:
            prepare = yield from disclose_brightness(session, raw, len(self.settings.source.intensities))
        elif (pulses := account.context.pulses) is not None:
            on_the_way = round(SEARCH_S * self.settings.source.pulse_rate_hz)  # sent before the block began
            prepare = of_sent_pulses(raw, pulses[0] - on_the_way, pulses[1])
        announced = yield from session.talk.receive(Detections)
        watch, intensities = session.watch, len(self.settings.source.intensities)
        answer, sifted = watch.call(
            "sift", answer_bases, announced, lambda index: watch.call("prepare", prepare, index), intensities
        )
        account.announced = announced
        account.sifted(sifted)
        yield from session.talk.send(answer)
        told = yield from session.talk.receive(TestErrors)
        if len(told.errors) != len(sifted.test) or any(not 0 <= e <= n for e, n in zip(told.errors, sifted.test, strict=True)):
            raise AuthenticationError("errors of the test basis that cannot be")
        account.test_errors = tuple(told.errors)
        return sifted.key_bits
