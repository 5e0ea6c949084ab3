"""A whole link whose keys are corrected by low-density parity checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import msgspec
import pytest

from hil.bench import load
from hil.testbed.testbed import Testbed

if TYPE_CHECKING:
    from hil.testbed.link import Link


@pytest.mark.parametrize(("bench_name", "link_name"), [("metro-25km", "metro"), ("entangled-metro", None)])
def test_a_link_with_parity_checks_gives_key(bench_name: str, link_name: str | None) -> None:
    """Prepared pulses, and entangled pairs: released, with every line of the correction in the ledger."""
    pytest.importorskip("numba")
    bench = load(bench_name)
    links = {
        name: msgspec.structs.replace(link, proof=msgspec.structs.replace(link.proof, reconciliation="ldpc"))
        for name, link in bench.link.items()
    }
    with Testbed.open(msgspec.structs.replace(bench, link=links), seed=11) as testbed:
        testbed.begin("parity checks")
        link = cast("Link", testbed.link(link_name or next(iter(links))))
        result = link.run(f"{1e3 * link.declared.block_s:g} ms")
    report = result.blocks[0]
    assert report.released, report.sentence
    lines = {entry.what: entry.value for entry in report.ledger}
    assert lines["corrected by ldpc"] == report.sifted_key_bits
    parities = lines["parities disclosed by Alice"] + lines["parities disclosed by Bob"]
    told = parities + lines.get("counts of errors disclosed by Bob", 0.0) + lines["hash disclosed"]
    assert told == report.disclosed_bits
    # a bit for each frame, where Cascade's Bob tells as many as Alice
    assert 1 <= lines["parities disclosed by Bob"] < 100
    assert 1.0 < lines["Alice's parities over the Slepian-Wolf limit"] < 1.35
