"""The two parties of an entangled link: both hold detections, and only how they sift differs from prepared pulses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.errors import AuthenticationError
from hil.pipeline.alice import AliceSide
from hil.pipeline.bob import BobSide
from hil.pipeline.messages import Detections, Partners, TestErrors
from hil.pipeline.pair_sifting import answer_partners, pair_announcement, sift_with_partners
from hil.pipeline.sifting import detected_events
from hil.ports.detections import DetectionRecords

if TYPE_CHECKING:
    from collections.abc import Generator

    import numpy as np
    import numpy.typing as npt

    from hil.pipeline._session import Session
    from hil.pipeline.account import Account
    from hil.pipeline.authentication import KeyPool
    from hil.pipeline.entropy import Entropy
    from hil.pipeline.pair_sifting import PairSifted
    from hil.pipeline.party import Request
    from hil.pipeline.settings import EntangledSettings

__all__ = ["EntangledAlice", "EntangledBob"]


class EntangledAlice(AliceSide[DetectionRecords]):
    """She looks for partners of Bob's events among her own; hers is the reference key."""

    def __init__(self, settings: EntangledSettings, pool: KeyPool, entropy: Entropy) -> None:
        super().__init__(settings, pool, entropy)
        self.settings = settings

    def _sift(self, session: Session, raw: DetectionRecords) -> Generator[Request, bytes | None, npt.NDArray[np.uint8]]:
        account, settings = session.account, self.settings
        announced = yield from session.talk.receive(Detections)
        own = detected_events(raw, settings.receivers[0], settings.source.pulse_rate_hz, self._entropy)
        answer, sifted = answer_partners(announced, own, settings.chsh)
        account.announced, account.partners = announced, answer
        yield from session.talk.send(answer)
        told = yield from session.talk.receive(TestErrors)
        among = (*sifted.test, *sifted.chsh)
        if len(told.errors) != len(among) or any(not 0 <= wrong <= n for wrong, n in zip(told.errors, among, strict=True)):
            raise AuthenticationError("errors of the test basis or of CHSH settings that cannot be")
        _take_over(account, sifted, told.errors)
        return sifted.key_bits


class EntangledBob(BobSide[DetectionRecords]):
    """He announces slot and setting of his events, and corrects his key."""

    def __init__(self, settings: EntangledSettings, pool: KeyPool, entropy: Entropy) -> None:
        super().__init__(settings, pool, entropy)
        self.settings = settings

    def _sift(self, session: Session, records: DetectionRecords) -> Generator[Request, bytes | None, PairSifted]:
        account, settings = session.account, self.settings
        events = detected_events(records, settings.receivers[1], settings.source.pulse_rate_hz, self._entropy)
        account.announced = pair_announcement(events)
        yield from session.talk.send(account.announced)
        account.partners = yield from session.talk.receive(Partners)
        sifted = sift_with_partners(events, account.partners, settings.chsh)
        _take_over(account, sifted, sifted.errors)
        yield from session.talk.send(TestErrors(sifted.errors))
        return sifted


def _take_over(account: Account, sifted: PairSifted, errors: tuple[int, ...]) -> None:
    """Into the block's books."""
    account.sifted(sifted)
    account.test_errors = tuple(errors[:1])
    account.coincidences = sifted.coincidences
    account.chsh = tuple(zip(sifted.chsh, errors[1:], strict=True))
