"""Blocks of the simulated world, against what ci/_error_samplers.py takes for granted of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import stats

if TYPE_CHECKING:
    from hil.ports.run import LinkRun
    from hil.testbed.link import Link
    from hil.testbed.testbed import Testbed

BLOCKS = 6


def _errors(run: LinkRun) -> tuple[np.ndarray, np.ndarray]:
    """Errors and sifted bits of the key basis, block by block."""
    assert all(block.key_errors is not None for block in run.blocks)
    return np.array([block.key_errors for block in run.blocks]), np.array([block.sifted_key_bits for block in run.blocks])


def test_bits_of_afterpulses_are_wrong_every_second_time(testbed: Testbed, link: Link) -> None:
    """The clicks that come of 2 % more afterpulses, counted, make the error rate what the sampler of error rates says of them.

    Six blocks of 200 ms each; within 4.9 standard errors of the two counts and the two error rates. And they do not make
    errors come together: variance over mean of the blocks lies within what chi squared allows in all but one of a million
    such tests (0.02 to 7.7 for five degrees of freedom).
    """
    duration_s = BLOCKS * link.declared.block_s
    link.up()
    runs = [link.run(duration_s)]
    had = link.receiver_declared.afterpulse_probability
    testbed.control.inject(link.receiver.name, "afterpulse_probability", had + 0.02)
    runs.append(link.run(duration_s))
    (wrong, bits), (more_wrong, more_bits) = (_errors(run) for run in runs)
    later = 1.0 - bits.sum() / more_bits.sum()
    before, after = wrong.sum() / bits.sum(), more_wrong.sum() / more_bits.sum()
    assert later > 0.01
    of_counts = (1.0 - later) ** 2 * (1.0 / bits.sum() + 1.0 / more_bits.sum()) * (0.5 - before) ** 2
    of_rates = before * (1.0 - before) / bits.sum() + after * (1.0 - after) / more_bits.sum()
    assert after - before == pytest.approx(later * (0.5 - before), abs=4.9 * np.sqrt(of_counts + of_rates))
    low, high = stats.chi2.ppf([5e-7, 1.0 - 5e-7], BLOCKS - 1) / (BLOCKS - 1)
    for errors, sifted in ((wrong, bits), (more_wrong, more_bits)):
        rate = errors.sum() / sifted.sum()
        dispersion = ((errors - sifted * rate) ** 2).sum() / (BLOCKS - 1) / (sifted.mean() * rate * (1.0 - rate))
        assert low < dispersion < high
