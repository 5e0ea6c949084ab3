"""Whether a transmitter prepares what it declares: how often, how independently, and how bright.

What is found off is told in sentences; none means that nothing was. Statistics are exact, and all of a call's comparisons
together raise a false alarm once in a million calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.errors import MissingCapabilityError
from hil.physics.link_model import link_model
from hil.physics.receiver_rates import sifted_rates
from hil.ports.detections import TagRecords
from hil.ports.identity import EvidenceLevel
from hil.statistics.binomial import clopper_pearson
from hil.statistics.randomness import FEWEST_BITS, p_values
from hil.testbed.acquisition import acquire
from hil.testbed.steps import through

if TYPE_CHECKING:
    from hil.testbed.link import Link

__all__ = ["intensities_off", "settings_off"]

_FALSE_ALARMS = 1e-6
_TOLERANCE = 0.10
"""Of an intensity's share of the sifted bits: as photon counts may be off by a tenth."""
_DIM = 0.01
"""Of the strongest intensity: dimmer ones show more dark counts than light."""


def settings_off(link: Link, pulses: int = 200_000) -> list[str]:
    """Of so many pulses in a row: the shares of bases and intensities, and whether the bits look random (where they should).

    MissingCapabilityError below L3.
    """
    import numpy as np

    link.require(EvidenceLevel.L3, "a transmitter's settings")
    link.ensure_up()
    first, source = link.transmitter.pulse_index(), link.source
    link.testbed.clock.sleep(1.1 * pulses / source.pulse_rate_hz)  # what is still to come is nobody's business
    sent = link.transmitter.prepare(np.arange(first, first + pulses))
    shares = [("the key basis", int(np.count_nonzero(sent.basis == 0)), source.key_basis_probability)]
    shares.append(("bit 1", int(np.count_nonzero(sent.bit)), source.bit_one_probability))
    for number, often in enumerate(source.probabilities):
        shares.append((f"intensity {number}", int(np.count_nonzero(sent.intensity == number)), often))
    tests = p_values(sent.bit) if source.bit_one_probability == 0.5 and pulses >= FEWEST_BITS else {}
    alarms = _FALSE_ALARMS / (len(shares) + len(tests))
    off = []
    for what, count, often in shares:
        found = clopper_pearson(count, pulses, 1.0 - alarms, "two")
        if not found.low <= often <= found.high:
            off.append(f"{what} in {count / pulses:.2%} of {pulses:,} settings, {often:.2%} are declared")
    off += [f"bits that are not random by {name} (p = {p:.2g})" for name, p in tests.items() if p < alarms]
    return off


def intensities_off(link: Link, clicks: int = 200_000) -> list[str]:
    """Each intensity's share of the bits that a block of about so many clicks sifts, against the closed forms', within a tenth.

    Shares do not depend on loss. Intensities below a hundredth of the strongest are left out. MissingCapabilityError below L3,
    and for a receiver with tags, whose pulses are found in blocks of the pipeline only.
    """
    import numpy as np

    link.require(EvidenceLevel.L3, "intensities of single detections")
    link.ensure_up()
    length_s = min(max(clicks / link.prediction.counts_hz, 1e-3), link.declared.block_s)
    ((records,), _, _) = through(link.testbed.clock, acquire(link, length_s))
    if isinstance(records, TagRecords):
        raise MissingCapabilityError(f"{link.receiver.name} tells tags, whose pulses only a whole block finds")
    pulses, place = np.unique(records.index, return_inverse=True)
    sent = link.transmitter.prepare(pulses)
    same = sent.basis[place] == records.detector >> 1
    bits = np.bincount(sent.intensity[place][same], minlength=len(link.source.intensities)).tolist()
    rates = sifted_rates(link_model(link.testbed.bench, link.name))
    expected = [key + test for key, test in zip(rates.key, rates.test, strict=True)]
    total, strongest = sum(bits), max(link.source.intensities)
    bright = [number for number, mu in enumerate(link.source.intensities) if mu >= _DIM * strongest]
    off = []
    for number in bright if total else ():
        found = clopper_pearson(bits[number], total, 1.0 - _FALSE_ALARMS / len(bright), "two")
        share = expected[number] / sum(expected)
        if found.high < share * (1.0 - _TOLERANCE) or found.low > share * (1.0 + _TOLERANCE):
            off.append(f"intensity {number} made {bits[number] / total:.2%} of {total:,} sifted bits, {share:.2%} are expected")
    return off
