"""A recording as a link: the same two parties, fed with recorded time tags instead of devices."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, NoReturn, Self, cast

import numpy as np

from hil.errors import MissingCapabilityError, SynchronisationError
from hil.pipeline.entropy import SeededEntropy
from hil.pipeline.pairs import AlicePairs, BobPairs, PairSettings
from hil.pipeline.stepping import run_pair
from hil.pipeline.synchronisation import SearchLimits
from hil.ports.identity import EvidenceLevel
from hil.ports.run import BlockReport, LedgerEntry, LinkRun, VisibilityCounts
from hil.testbed.recordings.recording_analysis import Exchanged, analyse, duration_ticks
from hil.testbed.recordings.recording_tables import correlation_plot, event_fields, matrix_table

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from hil.bench.model import Link as DeclaredLink
    from hil.bench.model import RecordingDevice
    from hil.bench.tables.links import Proof
    from hil.pipeline.pairs import PairsResult
    from hil.ports.detections import TimeTags
    from hil.ports.roles import Recording
    from hil.testbed.recordings.recording_analysis import RecordingAnalysis
    from hil.testbed.testbed import Testbed

__all__ = ["RecordedLink", "half_window_ticks"]

_GATES = 20


class RecordedLink:
    """Recorded photon pairs of one link; nothing in it can be moved, broken or run for longer than it was recorded.

    ``declared`` is its table of the bench file, ``recording`` the opened driver. It has no evidence level: tests that need one
    need a device. ``record(kind, **data)`` takes events for the run's record. What the parties draw follows from ``seed``, so
    that a recording gives the same answer twice; nothing that comes out is secret. ``testbed`` is there if :meth:`of` made it.
    """

    level: EvidenceLevel | None = None
    simulated = False
    missing = "is a recording, and this test needs a live device"
    testbed: Testbed

    def __init__(
        self,
        name: str,
        declared_link: DeclaredLink,
        recording_device: Recording,
        recording_declared: RecordingDevice,
        *,
        seed: int,
        record: Callable[..., None],
    ) -> None:
        self.name = name
        self.declared = declared_link
        self.recording = recording_device
        self._declared_device = recording_declared
        self._seed = seed
        self._record = record
        self._distilled: _Distilled | None = None
        self._shown = False

    @classmethod
    def of(cls, testbed: Testbed, name: str) -> Self:
        """The link of that name on an opened bench."""
        declared = testbed.bench.link[name]
        device = declared.parties["a"]
        table = cast("RecordingDevice", testbed.bench.device[device])
        made = cls(name, declared, cast("Recording", testbed.device(device)), table, seed=testbed.seed, record=testbed.record)
        made.testbed = testbed
        return made

    def forget(self) -> None:
        """A new test: what the recording shows does not change, but goes into that test's record again."""
        self._shown = False

    def analysis(self) -> RecordingAnalysis:
        """What the recording shows; the first time in a test, matrix and correlation go into the run's record.

        SynchronisationError when its events show no coincidence peak.
        """
        distilled = self._distil()
        if not self._shown:
            self._shown = True
            self._record("table", **event_fields(matrix_table(distilled.analysis)))
            self._record("plot", **event_fields(correlation_plot(distilled.analysis)))
        return distilled.analysis

    def run(self, duration: str | float | None = None) -> LinkRun:  # noqa: ARG002  (as a live link's, and see below)
        """The whole recording as one block, however long a run was asked for: it has the length it has."""
        analysis = self.analysis()
        distilled = self._distil()
        report = _report(distilled)
        self._record(
            "block", link=self.name, **{entry.name: getattr(report, entry.name) for entry in dataclasses.fields(report)}
        )
        return LinkRun(
            link=self.name,
            level=EvidenceLevel.L3,
            simulated=False,
            start_s=0.0,
            end_s=analysis.duration_s,
            blocks=(report,),
            net_secret_bits=0,
            counts=distilled.counts,
            gate_s=analysis.duration_s / _GATES,
            prediction=None,
            series=_series(distilled.counts, analysis.duration_s, analysis.sifted),
        )

    def visibility_counts(self) -> VisibilityCounts:
        """All pairs under the one setting they were recorded in: no fidelity follows from them."""
        errors, pairs = self.analysis().all_pairs
        return VisibilityCounts(self.name, {"the recorded setting": (pairs, errors)}, simulated=False)

    def require(self, level: EvidenceLevel, what: str) -> NoReturn:
        """MissingCapabilityError: ``what`` takes a device of that evidence level."""
        raise MissingCapabilityError(
            f"link {self.name} is a recording: {what} take a live device of evidence level {level.name} or more"
        )

    def _distil(self) -> _Distilled:
        if self._distilled is None:
            self._distilled = _distil(self.name, self.recording, self._declared_device, self._seed, self.declared.proof)
        return self._distilled


@dataclasses.dataclass(frozen=True)
class _Distilled:
    """What the two parties made of a recording; ``counts`` by channel in equal gates."""

    analysis: RecordingAnalysis
    exchanged: Exchanged
    alice: PairsResult
    counts: dict[str, npt.NDArray[np.int64]]


def half_window_ticks(window_s: float, tick_s: float) -> int:
    """Whole ticks to either side of the peak that lie within a window of that full width."""
    return math.floor(window_s / tick_s / 2.0 * (1.0 + 1e-9))


def _distil(link: str, recording: Recording, declared: RecordingDevice, seed: int, proof: Proof) -> _Distilled:
    tags, channels = (recording.alice(), recording.bob()), recording.channels
    settings = PairSettings(
        half_window_ticks=half_window_ticks(declared.window_s, recording.tick_s) if declared.window_s else None,
        settings=max(len(channels.settings_a), len(channels.settings_b)),
        common=len(channels.common),
        reconciliation=proof.reconciliation,
        limits=SearchLimits.for_tick(recording.tick_s),
    )
    try:
        alice, bob = run_pair(
            AlicePairs(settings, SeededEntropy(seed, link, "alice")).exchange(tags[0]),
            BobPairs(settings, SeededEntropy(seed, link, "bob")).exchange(tags[1]),
        )
    except SynchronisationError as error:
        raise SynchronisationError(f"link {link}: {error}") from error
    found = alice.synchronisation
    assert found is not None
    exchanged = Exchanged(
        corrected_bits=alice.bits.bit_length if alice.bits is not None else 0,
        corrected_errors=None if alice.errors is None else sum(alice.errors),
        fingerprints=_fingerprints(alice, bob),
        agree=alice.bits is not None and bob.bits is not None and alice.bits == bob.bits,
        disclosed_bits=alice.disclosed_bits,
        sentence=alice.sentence.partition(";")[0],
    )
    analysis = analyse(link, tags, channels, found, tick_s=recording.tick_s, half_window=settings.half_window(found))
    counts = _gates(tags[0], dataclasses.replace(tags[1], ticks=found.clock.to_alice(tags[1].ticks)), analysis)
    return _Distilled(dataclasses.replace(analysis, exchanged=exchanged), exchanged, alice, counts)


def _gates(alice: TimeTags, bob: TimeTags, analysis: RecordingAnalysis) -> dict[str, npt.NDArray[np.int64]]:
    """Counts of each channel in equal gates over the recording, both parties on Alice's clock."""
    first, length = duration_ticks(alice.ticks, bob.ticks)
    edges = np.linspace(first, first + length, _GATES + 1)
    parties = (("alice", alice, len(analysis.singles_alice)), ("bob", bob, len(analysis.singles_bob)))
    return {
        f"{party}-{channel}": np.histogram(tags.ticks[tags.channel == channel], edges)[0].astype(np.int64)
        for party, tags, channels in parties
        for channel in range(channels)
    }


def _fingerprints(alice: PairsResult, bob: PairsResult) -> tuple[str, str] | None:
    """SHA-256 of either party's bits; None without bits, and for so few that it would give them away."""
    if alice.bits is None or bob.bits is None or min(alice.bits.bit_length, bob.bits.bit_length) < 128:
        return None
    return alice.bits.fingerprint(), bob.bits.fingerprint()


def _report(distilled: _Distilled) -> BlockReport:
    analysis, alice = distilled.analysis, distilled.alice
    events = sum(analysis.singles_alice) + sum(analysis.singles_bob)
    pairs = analysis.pairs
    ledger = [
        LedgerEntry("synchronisation", "events of both parties", events, "events"),
        LedgerEntry("synchronisation", "coincidences in the window", pairs, "pairs"),
        LedgerEntry("synchronisation", "coincidences expected by chance", analysis.pairs_by_chance, "pairs"),
        LedgerEntry("sifting", "dropped: different settings", pairs - sum(alice.sifted), "pairs"),
        LedgerEntry("sifting", "sifted", sum(alice.sifted)),
        LedgerEntry("correction", "parities disclosed by Alice", alice.parities_of_alice),
        LedgerEntry("correction", "parities disclosed by Bob", alice.parities_of_bob),
        LedgerEntry("verification", "hash disclosed", alice.check_bits),
        LedgerEntry("proof", "settings chosen at random, in two complementary bases: not covered", 1.0, "not covered"),
    ]
    if alice.errors is not None:
        ledger.insert(7, LedgerEntry("correction", "errors corrected", sum(alice.errors)))
    return BlockReport(
        sequence=1,
        start_s=0.0,
        end_s=analysis.duration_s,
        live_s=analysis.duration_s,
        detections=events,
        sifted_key_bits=sum(alice.sifted),
        sifted_test_bits=0,
        test_errors=0,
        key_errors=distilled.exchanged.corrected_errors,
        disclosed_bits=alice.disclosed_bits,
        authentication_bits=0,
        secret_bits=0,
        released=False,
        sentence=alice.sentence,
        ledger=tuple(ledger),
    )


def _series(
    counts: dict[str, npt.NDArray[np.int64]], duration_s: float, sifted: tuple[int, int]
) -> dict[str, tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]:
    gate_s = duration_s / _GATES
    times_s = gate_s * (np.arange(_GATES, dtype=np.float64) + 0.5)
    total = np.sum(list(counts.values()), axis=0)
    rates = {"counts_hz": (times_s, total / gate_s)}
    rates |= {f"{name}.counts_hz": (times_s, gates / gate_s) for name, gates in counts.items()}
    errors, bits = sifted
    if bits:
        rates["qber_ratio"] = (np.array([duration_s]), np.array([errors / bits]))
    return rates
