"""Why a block gives no key, in the words of a lab engineer."""

from __future__ import annotations

from enum import Enum

from hil.errors import HilError

__all__ = ["NoKeyError", "Reason"]


class Reason(Enum):
    """What one party finds out alone and tells the other; the value travels, the sentence is each side's own."""

    SETTINGS = "settings"
    SEQUENCE = "sequence"
    POOLS = "pools"
    EXHAUSTED = "exhausted"
    REFUSED = "refused"
    NOT_CORRECTED = "not corrected"
    MISMATCH = "mismatch"
    NO_PEAK = "no peak"
    NO_SYNCHRONISATION = "no synchronisation"
    LEDGER = "ledger"
    DEVICE = "device"

    @property
    def sentence(self) -> str:
        """How it reads in a report."""
        return _SENTENCES[self]


_SENTENCES = {
    Reason.SETTINGS: "the two ends are set up differently (source, receiver, proof or key size)",
    Reason.SEQUENCE: "the two ends were at different blocks",
    Reason.POOLS: "the authentication pools of the two ends are out of step; give both a new pre-shared key",
    Reason.EXHAUSTED: "the authentication pool is exhausted; give both ends a new pre-shared key",
    Reason.REFUSED: "a classical message was changed, dropped, replayed or out of order",
    Reason.NOT_CORRECTED: "error correction gave up: it disclosed more than there was to correct",
    Reason.MISMATCH: "the two keys differed after error correction (verification hash)",
    Reason.NO_PEAK: "the events of the two ends show no coincidence peak",
    Reason.NO_SYNCHRONISATION: "no synchronisation: the receiver's clicks could not be assigned to pulses",
    Reason.LEDGER: "the block's ledger does not add up",
    Reason.DEVICE: "a device could not be asked for what it had prepared or seen",
}


class NoKeyError(HilError):
    """This block ends without key. ``reason`` is told the other side; None where it finds out by itself."""

    def __init__(self, reason: Reason | None, sentence: str | None = None) -> None:
        self.reason = reason
        self.sentence = sentence if sentence is not None or reason is None else reason.sentence
        super().__init__(self.sentence)
