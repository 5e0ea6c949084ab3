"""What tests of several packages need."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hil.ports.identity import EvidenceLevel
from hil.ports.run import BlockReport, LinkRun

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def run_of() -> Callable[..., LinkRun]:
    """A run of corrected blocks of a second, each given as (errors, bits); every one released ``secret_bits``."""
    return _run_of


def _run_of(*blocks: tuple[int, int], secret_bits: int = 0) -> LinkRun:
    reports = tuple(
        BlockReport(
            sequence=number,
            start_s=float(number),
            end_s=number + 1.0,
            live_s=1.0,
            detections=bits,
            sifted_key_bits=bits,
            sifted_test_bits=0,
            test_errors=0,
            key_errors=errors,
            disclosed_bits=0,
            authentication_bits=0,
            secret_bits=secret_bits,
            released=True,
            sentence="",
        )
        for number, (errors, bits) in enumerate(blocks)
    )
    return LinkRun(
        link="metro",
        level=EvidenceLevel.L3,
        simulated=True,
        start_s=0.0,
        end_s=float(len(blocks)),
        blocks=reports,
        net_secret_bits=0,
        counts={},
        gate_s=1.0,
        prediction=None,
    )
