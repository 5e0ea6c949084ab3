"""Everything this package raises on purpose, in one tree, split by who has to act.

::

    HilError
    ├── UsageError (ValueError)            the caller or a bench file is wrong
    │   ├── MistakesError                  every mistake of one file, at once
    │   │   ├── BenchFileError
    │   │   ├── CountersFileError          exported counters
    │   │   ├── GamedayFileError
    │   │   └── OperationsFileError        objectives, or faults over a month
    │   ├── FaultUseError                  every mistake in one use of a fault, at once
    │   └── UnknownNameError               no driver, twin, fault, ... of that name
    ├── BenchError                         the bench or its wiring broke: outcome ERROR, never FAIL
    │   ├── DeviceError                    one named device
    │   │   ├── DeviceUnreachableError (ConnectionError)
    │   │   ├── DeviceTimeoutError (TimeoutError)
    │   │   ├── DirtyLinkError             a timeout left the line out of step
    │   │   ├── ReplyError                 the device answered something else than its protocol allows
    │   │   ├── InstrumentError            the device reported an error of its own
    │   │   ├── IdentityError              not the device, or not the firmware, the bench file names
    │   │   ├── EnvelopeError (ValueError) a move outside what the bench file allows; nothing was sent
    │   │   │   └── InterlockError         a move that would put more light on a detector than it bears
    │   │   └── TapeMismatchError          a replayed device was told something else than its tape has
    │   ├── ChaosLimitError                a fault too fast, too often or too soon for what it moves; nothing was moved
    │   ├── ChaosAbortedError              a reading left what chaos_abort allows; everything was taken back
    │   ├── FaultWithoutEvidenceError      injected, but the bench does not show it
    │   ├── HealingError                   healed, but the bench does not show it
    │   ├── SynchronisationError           the two parties' events show no common clock
    │   └── KeyStoreError                  a key store refused or broke
    │       ├── KeyNotFoundError (LookupError)
    │       ├── KeysExhaustedError
    │       └── KeyStoreBusyError          asked too often; nothing was taken, and a later request may be answered
    ├── ClassicalChannelError              the authenticated channel between the parties
    │   ├── AuthenticationError            a message was changed, replayed, reflected or out of order
    │   ├── AuthenticationKeyExhaustedError
    │   ├── ChannelRefusedError            certificates or settings of the two ends do not fit; no retry helps
    │   └── ChannelClosedError (ConnectionError)
    ├── MissingCapabilityError             the bench declares this absent: outcome SKIPPED
    ├── NotAGateError                      not PASS, but no gate of a short run: outcome SKIPPED, with the sentence
    ├── Inconclusive                       too little data for the declared rule
    └── ObjectiveMissedError (AssertionError)   the device under test missed its limit: outcome FAIL
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "AuthenticationError",
    "AuthenticationKeyExhaustedError",
    "BenchError",
    "BenchFileError",
    "ChannelClosedError",
    "ChannelRefusedError",
    "ChaosAbortedError",
    "ChaosLimitError",
    "ClassicalChannelError",
    "CountersFileError",
    "DeviceError",
    "DeviceTimeoutError",
    "DeviceUnreachableError",
    "DirtyLinkError",
    "EnvelopeError",
    "FaultUseError",
    "FaultWithoutEvidenceError",
    "GamedayFileError",
    "HealingError",
    "HilError",
    "IdentityError",
    "Inconclusive",
    "InstrumentError",
    "InterlockError",
    "KeyNotFoundError",
    "KeyStoreBusyError",
    "KeyStoreError",
    "KeysExhaustedError",
    "MissingCapabilityError",
    "Mistake",
    "MistakesError",
    "NotAGateError",
    "ObjectiveMissedError",
    "OperationsFileError",
    "ReplyError",
    "SynchronisationError",
    "TapeMismatchError",
    "UnknownNameError",
    "UsageError",
]


class HilError(Exception):
    """Root of everything raised on purpose."""


class UsageError(HilError, ValueError):
    """The caller, an option or a file is wrong; nothing was touched."""


@dataclass(frozen=True)
class Mistake:
    """One thing wrong in a file.

    ``where`` is the dotted key or the line, ``found`` what stands there, ``expected`` the accepted form or the nearest known
    name.
    """

    where: str
    found: str
    expected: str

    def __str__(self) -> str:
        return f"{self.where}: found {self.found}; expected {self.expected}"


class MistakesError(UsageError):
    """Every mistake of one file, reported together before anything is touched or judged."""

    def __init__(self, file: str, mistakes: tuple[Mistake, ...]) -> None:
        self.file = file
        self.mistakes = mistakes
        super().__init__(_listed(file, mistakes))


class BenchFileError(MistakesError):
    """Every mistake of one bench file, reported together before any device is touched."""


class CountersFileError(MistakesError):
    """Every mistake of one file of counters that a device exported, reported together before anything is judged."""


class GamedayFileError(MistakesError):
    """Every mistake of one game day's file, reported together before any device is touched."""


class OperationsFileError(MistakesError):
    """Every mistake of one OpenSLO document, or of one calendar of faults."""


def _listed(file: str, mistakes: tuple[Mistake, ...]) -> str:
    count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
    return "\n".join([f"{file}: {count}", *(f"  {mistake}" for mistake in mistakes)])


class FaultUseError(UsageError):
    """Every mistake in one use of a fault (``macrobend_loss``), reported together before anything is moved."""

    def __init__(self, fault: str, mistakes: tuple[Mistake, ...]) -> None:
        self.mistakes = mistakes
        super().__init__("\n".join(f"{fault}: {mistake}" for mistake in mistakes))


class UnknownNameError(UsageError):
    """No driver, twin, fault, indicator, suite or bench of that name."""


class BenchError(HilError):
    """The bench broke, not the device under test."""


class ChaosLimitError(BenchError):
    """A fault would move a device faster, more often or sooner than its table of the bench file allows; nothing was moved."""


class ChaosAbortedError(BenchError):
    """While a fault was in, a reading left the interval that the bench file allows it; everything was taken back."""


class DeviceError(BenchError):
    """Trouble with one named device.

    ``device`` is its name in the bench file (or its address, where a driver runs without one).
    """

    def __init__(self, device: str, message: str) -> None:
        self.device = device
        super().__init__(f"{device}: {message}")


class DeviceUnreachableError(DeviceError, ConnectionError):
    """The device refused, closed or lost the connection."""


class DeviceTimeoutError(DeviceError, TimeoutError):
    """The device did not answer in time; its link is dirty from here on."""


class DirtyLinkError(DeviceError):
    """A timeout left the link out of step, and resynchronising it failed."""


class ReplyError(DeviceError):
    """The device answered something its protocol does not allow."""


class InstrumentError(DeviceError):
    """The device reported an error of its own (its error queue, a refused command)."""


class IdentityError(DeviceError):
    """Not the device, or not the firmware, that the bench file names."""


class EnvelopeError(DeviceError, ValueError):
    """A setting outside the envelope of the bench file; nothing was sent."""


class InterlockError(EnvelopeError):
    """A move after which a detector of ``receiver`` could get ``power_w``, more than the ``limit_w`` it bears."""

    def __init__(self, device: str, message: str, *, receiver: str, power_w: float, limit_w: float) -> None:
        self.receiver = receiver
        self.power_w = power_w
        self.limit_w = limit_w
        super().__init__(device, message)


class TapeMismatchError(DeviceError):
    """A replayed device was told something else than what was recorded.

    ``position`` counts the exchanges of its tape from 1; ``expected`` is None where the tape has nothing more there.
    """

    def __init__(self, device: str, position: int, expected: bytes | None, sent: bytes, section: str) -> None:
        self.position = position
        self.expected = expected
        self.sent = sent
        wanted = "nothing more" if expected is None else f"{expected!r}"
        super().__init__(
            device,
            f"exchange {position} of its tape ({section}): expected {wanted}, sent {sent!r}. If the change is meant, record the"
            " tape again; if only the order or number of questions differs, --hil-tape-mode=keyed replays it all the same",
        )


class FaultWithoutEvidenceError(BenchError):
    """A fault was commanded, but the bench does not show it."""


class HealingError(BenchError):
    """A fault was healed, but the bench does not show it."""


class SynchronisationError(BenchError):
    """The events of two parties show no common clock: no coincidence peak."""


class KeyStoreError(BenchError):
    """A key store refused a request or broke."""


class KeyNotFoundError(KeyStoreError, LookupError):
    """No such key ID, or it was delivered already."""


class KeyStoreBusyError(KeyStoreError):
    """A key store answers only so many requests at a time; this one took nothing."""


class KeysExhaustedError(KeyStoreError):
    """Fewer keys in the store than were asked for."""


class ClassicalChannelError(HilError):
    """The authenticated classical channel between the two parties."""


class AuthenticationError(ClassicalChannelError):
    """A message was changed, replayed, reflected or came out of order."""


class AuthenticationKeyExhaustedError(ClassicalChannelError):
    """No one-time authentication key is left in the pool."""


class ChannelRefusedError(ClassicalChannelError):
    """One end refuses the other: a certificate, or a setting, is not what was declared."""


class ChannelClosedError(ClassicalChannelError, ConnectionError):
    """The other side is gone."""


class MissingCapabilityError(HilError):
    """The bench or device declares that it cannot do this: a skip with its reason."""


class NotAGateError(HilError):
    """A verdict that is not PASS and gates nothing: the test is skipped, the verdict stays in the record."""


class Inconclusive(HilError):  # noqa: N818  (an outcome, not an error)
    """Too little data for the declared decision rule."""


class ObjectiveMissedError(HilError, AssertionError):
    """The device under test missed a limit."""
