"""``[link.X]``: parties, path, proof and contract."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field, structs

from hil.bench.tables.channels import Element, Fibre
from hil.bench.tables.classical import Classical
from hil.bench.tables.drift import Drift, Maintenance
from hil.bench.tables.free_space import FreeSpace
from hil.bench.tables.quantities import BitsPerSecond, Ratio, Seconds, SomeSeconds, Table, Watts
from hil.bench.tables.repeaters import Segment

__all__ = ["Arm", "Contract", "Eve", "Link", "Proof"]


class Proof(Table, frozen=True, kw_only=True):
    """``[link.X.proof]``: what the key length is computed with."""

    epsilon_secrecy: Annotated[float, Meta(gt=0.0, lt=1.0)] = 1e-9
    epsilon_correctness: Annotated[float, Meta(gt=0.0, lt=1.0)] = 1e-15
    qber_limit: Ratio = 0.08
    """Above this, nothing is released from a block."""
    reconciliation: Literal["cascade", "cascade-fast", "cascade-efficient", "ldpc"] = "cascade"
    """Error correction; the two in the middle need numba, and the last is slow without it."""
    leakage: Literal["both-directions", "error-pattern"] = "both-directions"
    """What of a two-way correction is charged to the key; the second is for comparison, and unproven."""
    bounds: Literal["published", "exact"] = "published"
    """Inequalities and constants of the published proofs, or exact tails and a proof for lengths that follow the counts."""


class Contract(Table, frozen=True, kw_only=True):
    """``[link.X.contract]``: what the supplier promised; without it, 80 % of the predicted key rate."""

    key_rate_bps: BitsPerSecond = field(name="key_rate")


class Eve(Table, frozen=True, kw_only=True):
    """``[link.X.eve]``: an eavesdropper on the link of two twins."""

    intercept_fraction: Ratio = 0.0
    """Share of the pulses that she measures and sends again."""
    splitting_fraction: Ratio = 0.0
    """Share of the pulses whose photons she counts, splits and blocks."""
    time_shift_s: Seconds = field(name="time_shift", default=0.0)
    """By how much she makes pulses early or late, at random."""
    late_fraction: Ratio = 0.5
    """Of the pulses that she shifts, those that come late."""
    blinding_power_w: Watts = field(name="blinding_power", default=0.0)
    """Continuous light that she sends towards the receiver from the end of the fibre."""


class Arm(Table, frozen=True, kw_only=True):
    """``[link.X.arm.a]``: the way from the source of an entangled link to one of its receivers."""

    path: tuple[str, ...] = ()
    fibre: Fibre | None = None


class Link(Table, frozen=True, kw_only=True):
    """``[link.X]``: parties, and what is between a and b in order.

    In the path ``"fibre"`` and ``"free-space"`` stand for what their tables describe.
    """

    protocol: Literal["bb84-decoy", "bbm92", "e91", "recorded-pairs", "entanglement-swapping"]
    parties: dict[Literal["a", "b"], str]
    source: str = ""
    """Entangled links: the pair source between the parties."""
    arm: dict[Literal["a", "b"], Arm] = {}
    """Entangled links: the way from the source to each party."""
    path: tuple[str, ...] = ()
    fibre: Fibre | None = None
    segments: tuple[Segment, ...] = field(name="segment", default=())
    """Elementary links of a repeater chain, whose path is its inner nodes: one more than these, from a to b."""
    free_space: FreeSpace | None = None
    element: dict[str, Element] = {}
    """Passive parts of the path by their names in it."""
    drift: Drift | None = None
    maintenance: tuple[Maintenance, ...] = ()
    block_s: SomeSeconds = field(name="block", default=1.0)
    proof: Proof = field(default_factory=Proof)
    classical: Classical = field(default_factory=Classical)
    contract: Contract | None = None
    eve: Eve | None = None
    kmes: dict[Literal["a", "b"], str] = {}
    auxiliary: tuple[str, ...] = ()
    """Devices that belong to the link without standing in its path (temperature controllers)."""

    @property
    def entangled(self) -> bool:
        """Whether both parties measure photons of one pair source."""
        return self.protocol in {"bbm92", "e91"}

    @property
    def devices(self) -> tuple[str, ...]:
        """Every device of the link but its key management entities: b's end first, then a's, the source, auxiliary ones."""
        ways = [
            name for party in ("b", "a") for name in (self.parties[party], *(self.arm[party].path if party in self.arm else ()))
        ]
        if not self.entangled:
            ways = [*self.parties.values(), *self.path]
        found = [*ways, *filter(None, [self.source]), *self.auxiliary]
        return tuple(dict.fromkeys(name for name in found if name not in {"fibre", "free-space", *self.element}))

    def along(self, party: Literal["a", "b"]) -> Link:
        """An entangled link as the one way from its source to this party: with path and fibre of the arm."""
        arm = self.arm.get(party, Arm())
        return structs.replace(self, path=arm.path, fibre=arm.fibre)
