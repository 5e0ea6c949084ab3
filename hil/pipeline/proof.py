"""Which proof a link's key rests on: decoy states for prepared pulses, complementary bases for entangled pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from hil.pipeline.estimation import Promise, uncovered
from hil.pipeline.one_decoy import OneDecoyPromise
from hil.pipeline.pair_estimation import PairPromise
from hil.pipeline.settings import EntangledSettings

if TYPE_CHECKING:
    from hil.pipeline.estimation import SiftedCounts
    from hil.pipeline.settings import DistillSettings

__all__ = ["Proof", "proof_of", "without_proof"]

E = TypeVar("E")


class Proof(Protocol[E]):
    """What both parties work a key length out with."""

    def estimate(self, counts: SiftedCounts) -> E:
        """Bounds for the counts of one block."""
        ...

    def length_bits(self, found: E, disclosed_bits: float, *, credit_vacuum: bool) -> int:
        """Longest key after so many bits were disclosed."""
        ...


def without_proof(settings: DistillSettings | EntangledSettings) -> str:
    """Why no proof covers the source, in words; empty where one does."""
    return "" if isinstance(settings, EntangledSettings) else uncovered(settings.source, settings.intensity_uncertainty)


def proof_of(settings: DistillSettings | EntangledSettings) -> Promise | OneDecoyPromise | PairPromise | None:
    """The proof that a link's keys rest on; None where none covers its source: its blocks give no key.

    Two declared intensities take the proof for one decoy, three that for two. UsageError for epsilons that promise nothing.
    """
    epsilons = settings.epsilon_secrecy, settings.epsilon_correctness
    if isinstance(settings, EntangledSettings):
        return PairPromise(*epsilons, settings.bounds, settings.efficiency_ratio)
    if without_proof(settings):
        return None
    decoys = Promise if len(settings.source.intensities) == 3 else OneDecoyPromise
    return decoys(settings.source, *epsilons, settings.bounds, settings.intensity_uncertainty, settings.efficiency_ratio)
