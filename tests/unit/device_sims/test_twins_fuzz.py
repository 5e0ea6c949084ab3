"""Any bytes, in any pieces: no simulated device breaks, hangs, grows, or depends on how what it hears was cut.

``ci/fuzz`` does the same with a million inputs.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil import discovery
from hil.bench import load
from hil.device_sims.fuzzing import OutOfStepError, Target, fuzz, growth, heard, mutated, target_of
from hil.device_sims.spec import Reply
from hil.seeds import stream

if TYPE_CHECKING:
    from hil.bench.model import Bench

TESTS = Path(__file__).parents[2]
TABLES: dict[str, dict[str, Any]] = tomllib.loads((TESTS / "fuzz" / "dialects.toml").read_text(encoding="utf-8"))
SHELF = TESTS / "contract" / "shelf.toml"
MOST_GROWTH = 64 << 10
"""As in ci/fuzz, which says why."""


@cache
def bench(name: str) -> Bench:
    return load(TABLES[name].get("bench") or SHELF)


def target(name: str) -> Target:
    """A port fresh from power-up."""
    return target_of(bench(name), name, TABLES[name])


def pieces(name: str) -> st.SearchStrategy[bytes]:
    """Noise between, before and after what the device understands."""
    words = target(name).words
    return st.lists(st.one_of(st.sampled_from(words), st.binary(max_size=12)), max_size=12).map(b"".join)


@pytest.mark.parametrize("name", TABLES)
class TestAnyBytes:
    """Of every port."""

    @settings(max_examples=30, deadline=None)
    @given(data=st.data())
    def test_are_taken_and_the_next_question_is_answered(self, name: str, data: st.DataObject) -> None:
        """Whatever came before, a whole line later the device is in step."""
        fuzz(target(name), [data.draw(pieces(name))])

    def test_mutated_dialogues_are_taken_by_one_device(self, name: str) -> None:
        """One device and one world hear them all, one conversation after the other."""
        port = target(name)
        assert fuzz(port, mutated(stream(3, "fuzz", name), port.words, 300)).inputs == 300

    @settings(max_examples=30, deadline=None)
    @given(data=st.data())
    def test_mean_the_same_however_they_are_cut(self, name: str, data: st.DataObject) -> None:
        """Replies do not depend on how a stream was chunked.

        A ZMQ message is never cut; and what is no binary frame has no length by which to find the next one.
        """
        if TABLES[name]["dialect"] in {"ZMQ", "ZMQ, JSON", "binary frames"}:
            return
        said = data.draw(pieces(name))
        cuts = sorted(data.draw(st.lists(st.integers(0, len(said)), max_size=6)))
        whole, cut = target(name).session(), target(name).session()
        at_once = heard(whole, said)
        parts = [heard(cut, said[start:end]) for start, end in zip([0, *cuts], [*cuts, len(said)], strict=True)]
        assert b"".join(parts) == at_once


def test_a_whole_frame_without_a_payload_is_refused() -> None:
    """Found by coverage: its checksum is right, as that of nothing is zero."""
    said = heard(target("alice.data").session(), b"QHD1\x01" + bytes(15))
    assert said.startswith(b"QHD1\x7f")


@pytest.mark.parametrize("name", ["meter", "pdu"])
def test_nothing_that_was_heard_stays_in_memory(name: str) -> None:
    """After so many inputs no more is held than after as many before."""
    assert growth(target(name), 300, 3) < MOST_GROWTH


def test_every_simulated_instrument_is_fuzzed() -> None:
    """A port without words in dialects.toml is not looked at."""
    ports = {name.partition(".")[0]: bench(name) for name in TABLES}
    found = {made.device[name].twin or made.device[name].driver for name, made in ports.items()}
    assert found >= set(discovery.names("twin")) - {"etsi014", "reference-repeater-1x"}


class Defective:
    """A meter that echoes its lines, breaks at a word, falls out of step at another, and keeps what it hears."""

    kept: list[bytes]

    def __init__(self, kept: list[bytes]) -> None:
        self.kept, self.silent = kept, False

    def received(self, data: bytes, now_ns: int) -> list[Reply]:
        self.kept.append(data * 50)
        if b"break" in data:
            raise KeyError("break")
        self.silent = self.silent or b"mute" in data
        return [] if self.silent else [Reply(b"ok\n")]


@pytest.mark.parametrize(("word", "why"), [(b"break\n", "KeyError"), (b"mute\n", "was answered b''")])
def test_a_defective_device_is_found(word: bytes, why: str) -> None:
    """The error holds the input."""
    kept: list[bytes] = []
    port = Target("defective", "lines", lambda: Defective(kept), (word,), b"?\n", b"ok\n")
    with pytest.raises(OutOfStepError, match=why) as found:
        fuzz(port, [b"good\n", word])
    assert repr(word) in str(found.value)


def test_a_device_that_keeps_what_it_hears_is_found() -> None:
    """300 inputs of a dozen bytes, fifty times each, are more than any port may hold."""
    kept: list[bytes] = []
    port = Target("keeps", "lines", lambda: Defective(kept), (b"twelve bytes",), b"?\n", b"ok\n")
    assert growth(port, 300, 3) > MOST_GROWTH
