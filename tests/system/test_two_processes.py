"""Alice's and Bob's sides as two processes that share a TCP connection and nothing else.

Each makes its own world of the shipped bench from the same seed, and takes from it what its own device would tell: Alice what
she prepared, Bob what he detected. Key material stays where it was made; the test compares fingerprints.
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

PARTY = Path(__file__).with_name("two_processes_party.py")
SEED, BLOCKS = 11, 2


@contextmanager
def party(side: str, port: int, seed: int = SEED) -> Iterator[subprocess.Popen[str]]:
    """One side in a Python of its own; killed if the test ends before it does."""
    command = [sys.executable, str(PARTY), side, str(port), str(seed), str(BLOCKS)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def port_of(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


def outcome(process: subprocess.Popen[str]) -> list[dict[str, Any]]:
    """What a side printed about its blocks."""
    out, err = process.communicate(timeout=90)
    assert process.returncode == 0, err
    blocks: list[dict[str, Any]] = json.loads(out)
    return blocks


def distilled(alices_seed: int = SEED) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    with party("alice", 0, alices_seed) as alice, party("bob", port_of(alice)) as bob:
        return outcome(alice), outcome(bob)


def test_two_processes_make_the_same_keys_over_tcp() -> None:
    """Two blocks at once over one connection."""
    alice, bob = distilled()
    assert [block["fate"] for block in alice] == ["released"] * BLOCKS
    assert alice == bob
    fingerprints = [fingerprint for block in alice for fingerprint in block["fingerprints"]]
    assert len(set(fingerprints)) == len(fingerprints) > 300


def test_an_alice_who_prepared_something_else_gets_no_key() -> None:
    """Another seed in her process: half of the bits differ, and both sides say so."""
    alice, bob = distilled(alices_seed=SEED + 1)
    assert [block["fate"] for block in alice + bob] == ["discarded"] * 2 * BLOCKS
    assert "QBER of the test basis" in alice[0]["sentence"] == bob[0]["sentence"]
