"""Bob's side of the key pipeline: he announces detections, corrects his key, and waits for Alice's word before he releases."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from hil.errors import AuthenticationError, ChannelClosedError, UsageError
from hil.pipeline._session import NONCE_BYTES, Session
from hil.pipeline.alice import FATE_DISCARDED, FATE_RELEASED, fate_parts
from hil.pipeline.amplification import amplify, seed_bits
from hil.pipeline.authentication import KEY_BITS
from hil.pipeline.bits import unpack
from hil.pipeline.decision import allow_correction, allow_release, key_sentence
from hil.pipeline.messages import Amplify, Bases, Confirm, Corrected, Hello, TestErrors
from hil.pipeline.proof import proof_of
from hil.pipeline.reasons import NoKeyError, Reason
from hil.pipeline.reconciliation import choice
from hil.pipeline.release import IN_DOUBT_LIMIT_S, Output, shares
from hil.pipeline.settings import BlockResult, KeyFate, settings_digest
from hil.pipeline.sifting import detected_events, sift_with_answer
from hil.pipeline.timing import BobTiming, TimedRecords
from hil.pipeline.verification import agrees
from hil.ports.detections import DetectionRecords, TagRecords

if TYPE_CHECKING:
    from collections.abc import Generator

    import numpy.typing as npt

    from hil.pipeline.authentication import KeyPool
    from hil.pipeline.entropy import Entropy
    from hil.pipeline.pair_sifting import PairSifted
    from hil.pipeline.party import Party, Request
    from hil.pipeline.settings import BlockContext, DistillSettings, EntangledSettings
    from hil.pipeline.sifting import Sifted
    from hil.ports.run import BlockReport

__all__ = ["Bob", "BobSide"]

Clicks = TypeVar("Clicks")


@dataclass(frozen=True)
class _InDoubt:
    """A block that Bob confirmed and heard nothing of since; ``report`` is the one to give when it is released."""

    digest: bytes
    report: BlockReport
    output: Output
    expired: bool = False


class BobSide(Generic[Clicks]):
    """All of a block but the sifting. Lives as long as the link; ``pool`` and the block in doubt go from block to block."""

    def __init__(self, settings: DistillSettings | EntangledSettings, pool: KeyPool, entropy: Entropy) -> None:
        self.pool = pool
        self._all_settings = settings
        self._entropy = entropy
        self._promise = proof_of(settings)
        self._in_doubt: _InDoubt | None = None

    def block(self, context: BlockContext, records: Clicks) -> Party[BlockResult]:
        """Distil one block out of what clicked.

        AuthenticationKeyExhaustedError when the pool cannot pay for a block; UsageError for records that do not fit.
        """
        session = Session("b", self._all_settings, self.pool, context)
        return session.guarded(self._distil(session, records))

    def _distil(self, session: Session, records: Clicks) -> Party[BlockResult]:
        account = session.account
        only_in_fault, heard_keys, sent_keys = yield from self._greet(session)
        sifted = yield from self._sift(session, records)
        session.learned("sifting")
        session.watch.call("estimate", allow_correction, account, self._promise, only_in_fault=only_in_fault)
        session.learned("estimation")
        bits = yield from self._correct(session, sifted)
        session.learned("reconciliation")
        session.watch.call("estimate", allow_release, account, self._promise)
        output = yield from self._shorten(session, bits, heard_keys, sent_keys)
        session.learned("amplification")
        return (yield from self._confirm(session, output))

    def _greet(self, session: Session) -> Generator[Request, bytes | None, tuple[bool, tuple[int, int], tuple[int, int]]]:
        """Say where this side stands; settle a block in doubt; whether all was under a fault, and the keys of both senders."""
        talk, context = session.talk, session.account.context
        self._expire(session, context)
        digest = settings_digest(self._all_settings, self.pool)
        nonce = talk.nonce = self._entropy.draw("nonce", NONCE_BYTES)
        position = self.pool.position
        in_doubt = self._in_doubt.digest if self._in_doubt is not None else b""
        yield from talk.send(Hello(nonce, context.sequence, digest, position, context.only_in_fault, in_doubt))
        while True:
            hello = yield from talk.receive(Hello)
            talk.name_block(nonce, hello.nonce)
            if talk.last_names_this_block():
                break
            talk.forget_last()
        if hello.in_doubt != in_doubt:
            raise AuthenticationError("Alice answered another greeting")
        if self._in_doubt is not None:
            self._settle(session, hello, self._in_doubt)
        session.check_peer(hello, digest)
        session.require_keys()
        return hello.only_in_fault or context.only_in_fault, hello.keys[:2], position[2:]

    def _sift(self, session: Session, records: Clicks) -> Generator[Request, bytes | None, Sifted | PairSifted]:
        """His bits of the key basis; counts go into the account."""
        raise NotImplementedError

    def _correct(
        self, session: Session, sifted: Sifted | PairSifted
    ) -> Generator[Request, bytes | None, npt.NDArray[np.uint8]]:
        account = session.account
        correcting = choice.correct(
            session.talk, sifted.key_bits, account.counts.test_qber, self._entropy, self._all_settings.reconciliation
        )
        bits, account.disclosed = yield from session.watch.through("reconcile", correcting)
        wrong = sifted.key_intensity[bits != sifted.key_bits]
        account.key_errors = tuple(np.bincount(wrong, minlength=len(sifted.key)).tolist())
        yield from session.talk.send(Corrected(account.key_errors))
        return bits

    def _shorten(
        self, session: Session, bits: npt.NDArray[np.uint8], heard_keys: tuple[int, int], sent_keys: tuple[int, int]
    ) -> Generator[Request, bytes | None, Output]:
        """Check Alice's tag, her hash and her numbers, and amplify."""
        account = session.account
        told = yield from session.talk.receive(Amplify)
        yield from session.watch.through("authenticate", session.receive_seal())
        if not session.watch.call("verify", agrees, bits, told.check_key, told.check):
            raise NoKeyError(Reason.MISMATCH)
        # the last bit of a logarithm may differ between two machines
        if not 0 < told.length <= min(account.allowed_bits + 1, bits.size) or told.length < account.allowed_bits - 1:
            raise NoKeyError(Reason.LEDGER)
        account.allowed_bits = max(account.allowed_bits, told.length)
        account.secret_bits = told.length
        expected = shares(told.length, self.pool.target_keys, heard_keys, sent_keys)
        account.pool_bits = KEY_BITS * sum(told.to_pool)
        if told.to_pool != expected or not account.adds_up():
            raise NoKeyError(Reason.LEDGER)
        seed = unpack(told.seed, seed_bits(bits.size, told.length))
        secret = session.watch.call("amplify", amplify, bits, seed, told.length)
        return session.watch.call("cut", Output.of, secret, account, session.talk.digest, told.to_pool)

    def _confirm(self, session: Session, output: Output) -> Party[BlockResult]:
        """Once confirmed the key is in doubt until Alice's word is here."""
        account, talk = session.account, session.talk
        yield from talk.send(Confirm())
        yield from session.watch.through("authenticate", session.send_seal())
        try:
            yield from session.receive_seal()
        except (AuthenticationError, ChannelClosedError, NoKeyError) as lost:
            session.close_books()
            report = account.report(key_sentence(account), output.fingerprints, released=True)
            self._in_doubt = _InDoubt(talk.digest, report, output)
            sentence = f"in doubt: Alice's release did not arrive ({lost}); it is settled when the channel is back"
            return BlockResult(KeyFate.IN_DOUBT, account.report(sentence), settled=session.settled)
        output.replenish(self.pool)
        session.close_books()
        report = account.report(key_sentence(account), output.fingerprints, released=True)
        return BlockResult(KeyFate.RELEASED, report, output.keys, settled=session.settled)

    def _settle(self, session: Session, hello: Hello, waiting: _InDoubt) -> None:
        """Alice's word about the block in doubt, under her tag; AuthenticationError leaves it in doubt."""
        if hello.fate not in {FATE_RELEASED, FATE_DISCARDED}:
            raise AuthenticationError("Alice says nothing of the block in doubt")
        session.auth.verify(hello.seal, *fate_parts(waiting.digest, hello.fate, session.talk.digest))
        self._in_doubt = None
        if hello.fate == FATE_RELEASED:
            waiting.output.replenish(self.pool)
        if waiting.expired:
            return
        if hello.fate == FATE_RELEASED:
            session.settled = BlockResult(KeyFate.RELEASED, waiting.report, waiting.output.keys)
        else:
            session.settled = _given_up(waiting.report, "Alice had discarded the block before her release went out")

    def _expire(self, session: Session, context: BlockContext) -> None:
        """A key in doubt for too long is destroyed; what the pool would get of it is kept, or the pools would part."""
        waiting = self._in_doubt
        if waiting is None or waiting.expired or context.start_s - waiting.report.end_s <= IN_DOUBT_LIMIT_S:
            return
        self._in_doubt = replace(waiting, output=waiting.output.without_keys(), expired=True)
        session.settled = _given_up(
            waiting.report, f"in doubt for more than {IN_DOUBT_LIMIT_S:g} s of bench time, so destroyed"
        )


class Bob(BobSide[DetectionRecords | TagRecords]):
    """Bob of a link whose other end prepares pulses; records are tags where his receiver declares them, else pulse indices."""

    def __init__(self, settings: DistillSettings, pool: KeyPool, entropy: Entropy) -> None:
        super().__init__(settings, pool, entropy)
        self.settings = settings
        timing = settings.receiver.timing
        self._timing = None if timing is None else BobTiming(settings, timing)

    def _sift(self, session: Session, records: DetectionRecords | TagRecords) -> Generator[Request, bytes | None, Sifted]:
        """Announce, and count the errors of the test basis in Alice's answer."""
        timed = yield from self._timed(session, records)
        source, receiver = self.settings.source, self.settings.receiver
        watch, rate_hz = session.watch, source.pulse_rate_hz
        events = watch.call("sift", detected_events, timed.records, receiver, rate_hz, self._entropy, usable=timed.usable)
        session.account.announced = watch.call("sift", events.announcement)
        yield from session.talk.send(session.account.announced)
        answer = yield from session.talk.receive(Bases)
        sifted = watch.call("sift", sift_with_answer, events, answer, len(source.intensities))
        session.account.sifted(sifted)
        yield from session.talk.send(TestErrors(session.account.test_errors))
        return sifted

    def _timed(
        self, session: Session, records: DetectionRecords | TagRecords
    ) -> Generator[Request, bytes | None, TimedRecords]:
        """Records by pulse, synchronised here where the receiver's electronics did not."""
        if isinstance(records, TagRecords) == (self._timing is None):
            raise UsageError(f"{type(records).__name__} of a receiver that declares timing = {self.settings.receiver.timing}")
        if self._timing is not None and isinstance(records, TagRecords):
            return (yield from self._timing.steps(session, records))
        assert isinstance(records, DetectionRecords)
        return TimedRecords(records, None)


def _given_up(report: BlockReport, sentence: str) -> BlockResult:
    without = replace(report, released=False, secret_bits=0, key_fingerprints=(), sentence=f"no key: {sentence}")
    return BlockResult(KeyFate.DISCARDED, without)
