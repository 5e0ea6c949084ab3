"""A recording as a link: the same two parties, fed with recorded time tags instead of devices."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, NoReturn, Self, cast

import numpy as np

from hil.errors import MissingCapabilityError, SynchronisationError
from hil.pipeline.entropy import SeededEntropy
from hil.pipeline.pairs import AlicePairs, BobPairs, PairSettings
from hil.pipeline.stepping import run_pair
from hil.ports.identity import EvidenceLevel
from hil.ports.run import BlockReport, LedgerEntry, LinkRun, VisibilityCounts
from hil.record.model import PlotEntry, PlotMark, TableEntry
from hil.testbed.recording_analysis import RecordingAnalysis, findings

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from hil.bench.model import Link as DeclaredLink
    from hil.bench.model import RecordingDevice
    from hil.pipeline.pairs import PairsResult
    from hil.ports.roles import Recording
    from hil.testbed.testbed import Testbed

__all__ = ["RecordedLink"]

_CHANNELS = 4
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
            self._record("table", **_fields(_table(distilled.analysis)))
            self._record("plot", **_fields(_plot(distilled.analysis)))
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
            self._distilled = _distil(self.name, self.recording, self._declared_device, self._seed)
        return self._distilled


@dataclasses.dataclass(frozen=True)
class _Distilled:
    """What the two parties made of a recording; ``counts`` by channel in equal gates."""

    analysis: RecordingAnalysis
    alice: PairsResult
    bob: PairsResult
    counts: dict[str, npt.NDArray[np.int64]]


def _distil(link: str, recording: Recording, declared: RecordingDevice, seed: int) -> _Distilled:
    tags_a, tags_b = recording.alice(), recording.bob()
    settings = PairSettings(window_ticks=declared.window_ticks)
    try:
        alice, bob = run_pair(
            AlicePairs(settings, SeededEntropy(seed, link, "alice")).exchange(tags_a),
            BobPairs(settings, SeededEntropy(seed, link, "bob")).exchange(tags_b),
        )
    except SynchronisationError as error:
        raise SynchronisationError(f"link {link}: {error}") from error
    found = alice.synchronisation
    assert found is not None
    ticks = {"alice": tags_a.ticks, "bob": found.clock.to_alice(tags_b.ticks)}
    channels = {"alice": tags_a.channel, "bob": tags_b.channel}
    first = min(int(times[0]) for times in ticks.values())
    end = max(int(times[-1]) for times in ticks.values()) + 1
    edges = np.linspace(first, end, _GATES + 1)
    counts = {
        f"{party}-{channel}": np.histogram(ticks[party][channels[party] == channel], edges)[0].astype(np.int64)
        for party in ticks
        for channel in range(_CHANNELS)
    }
    matrix = np.zeros((_CHANNELS, _CHANNELS), np.int64)
    np.add.at(matrix, (tags_a.channel[alice.events], tags_b.channel[bob.events]), 1)
    analysis = RecordingAnalysis(
        link=link,
        tick_s=recording.tick_s,
        duration_s=(end - first) * recording.tick_s,
        singles_alice=_singles(tags_a.channel),
        singles_bob=_singles(tags_b.channel),
        delay_ticks=found.clock.delay_ticks,
        rate_ppm=found.clock.rate_ppm,
        measured_rate_ppm=1e6 * found.measured_rate,
        rate_error_ppm=1e6 * found.rate_error,
        jitter_ticks=found.jitter_ticks,
        significance=found.significance,
        lags_ticks=found.lags_ticks.astype(np.float64) + found.clock.delay_ticks,
        correlation=found.counts,
        window_ticks=(found.clock.delay_ticks - declared.window_ticks, found.clock.delay_ticks + declared.window_ticks),
        matrix=tuple(tuple(row) for row in matrix.tolist()),
        corrected_bits=alice.bits.bit_length if alice.bits is not None else 0,
        corrected_errors=None if alice.errors is None else sum(alice.errors),
        fingerprints=_fingerprints(alice, bob),
        agree=alice.bits is not None and bob.bits is not None and alice.bits == bob.bits,
        disclosed_bits=alice.disclosed_bits,
        exchange=alice.sentence.partition(";")[0],
    )
    return _Distilled(analysis, alice, bob, counts)


def _singles(channel: npt.NDArray[np.uint8]) -> tuple[int, ...]:
    return tuple(np.bincount(channel, minlength=_CHANNELS).tolist())


def _fingerprints(alice: PairsResult, bob: PairsResult) -> tuple[str, str] | None:
    """SHA-256 of either party's bits; None without bits, and for so few that it would give them away."""
    if alice.bits is None or bob.bits is None or min(alice.bits.bit_length, bob.bits.bit_length) < 128:
        return None
    return alice.bits.fingerprint(), bob.bits.fingerprint()


def _report(distilled: _Distilled) -> BlockReport:
    analysis, alice = distilled.analysis, distilled.alice
    events = sum(analysis.singles_alice) + sum(analysis.singles_bob)
    pairs = analysis.all_pairs[1]
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
        key_errors=analysis.corrected_errors,
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


def _table(analysis: RecordingAnalysis) -> TableEntry:
    return TableEntry(
        title="coincidence matrix",
        columns=tuple(f"Bob {channel}" for channel in range(_CHANNELS)),
        rows=analysis.matrix,
        row_names=tuple(f"Alice {channel}" for channel in range(_CHANNELS)),
        row_title="Alice's channel",
        column_title="Bob's channel",
        sentences=analysis.sentences,
        link=analysis.link,
    )


def _plot(analysis: RecordingAnalysis) -> PlotEntry:
    first, last = analysis.window_ticks
    return PlotEntry(
        title="correlation",
        x=tuple(analysis.lags_ticks.tolist()),
        y=tuple(float(number) for number in analysis.correlation),
        x_label=f"Bob's time minus Alice's, in ticks of {1e12 * analysis.tick_s:g} ps",
        y_label="pairs of events",
        style="bars",
        marks=(
            PlotMark(x=first, label=f"window from {first:+,g}"),
            PlotMark(x=analysis.delay_ticks, label=f"peak at {analysis.delay_ticks:+,g}"),
            PlotMark(x=last, label=f"window to {last:+,g}"),
        ),
        sentences=findings(analysis)[1:3],
        link=analysis.link,
    )


def _fields(entry: TableEntry | PlotEntry) -> dict[str, object]:
    return {name: getattr(entry, name) for name in entry.__struct_fields__ if name != "case"}
