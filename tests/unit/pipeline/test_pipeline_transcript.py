"""Transcripts: written as it happens, read again, and replayed byte for byte."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import pytest

from hil.errors import UsageError
from hil.pipeline.in_flight import run_in_flight
from hil.pipeline.replaying import replay
from hil.pipeline.settings import KeyFate, settings_digest
from hil.pipeline.transcript import TranscriptWriter, read_transcript

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from hil.pipeline.party import Party
    from hil.pipeline.settings import BlockResult
    from hil.pipeline.stepping import Interceptor, Message
    from tests.unit.pipeline.conftest import SmallLanes

BLOCKS, LANES = 5, 2
SIDES: tuple[Literal["a", "b"], ...] = ("a", "b")


def digest(link: SmallLanes) -> bytes:
    return settings_digest(link.settings, link.alice[0].pool)


def recorded(link: SmallLanes, path: Path, interceptor: Interceptor | None = None) -> list[tuple[BlockResult, BlockResult]]:
    """Five blocks, two in flight, with both parties written down."""
    with TranscriptWriter(path, link.settings.link, digest(link), LANES) as writer:
        of_both = [
            [lambda side=side, n=n, begin=begin: writer.record(side, n, begin()) for n, begin in enumerate(begins)]  # type: ignore[misc]
            for side, begins in zip(SIDES, link.next_blocks(BLOCKS), strict=True)
        ]
        flight = run_in_flight(of_both[0], of_both[1], LANES, one_way_s=0.01, timeout_s=1.0, interceptor=interceptor)
    return flight.results


def begins(link: SmallLanes, side: str) -> Callable[[int], Party[BlockResult]]:
    blocks = link.next_blocks(BLOCKS)[SIDES.index(side)]  # type: ignore[arg-type]
    return lambda number: blocks[number]()


@pytest.mark.parametrize("side", SIDES)
def test_a_party_replayed_says_the_same_and_gets_the_same_key(
    small_lanes: Callable[..., SmallLanes], tmp_path: Path, side: str
) -> None:
    results = recorded(small_lanes(LANES, events=30_000), tmp_path / "t.jsonl")
    again = small_lanes(LANES, events=30_000)
    found = replay(read_transcript(tmp_path / "t.jsonl"), side, digest(again), begins(again, side))
    assert found.deviation is None
    assert [one.keys for one in found.results] == [pair[SIDES.index(side)].keys for pair in results]  # type: ignore[arg-type]
    assert any(one.keys for one in found.results)
    assert found.messages > 100


def test_cuts_and_losses_are_replayed_too(small_lanes: Callable[..., SmallLanes], tmp_path: Path) -> None:
    """Bob's block in doubt, and settled two blocks later, comes out of the transcript again."""
    seals = 0

    def lose_the_last_word(message: Message) -> Iterable[bytes]:
        nonlocal seals
        from hil.pipeline.messages import Seal, decode

        if message.direction == "a->b" and isinstance(decode(message.data)[1], Seal):
            seals += 1
            return () if seals in {2, 3, 4} else (message.data,)
        return (message.data,)

    results = recorded(small_lanes(LANES), tmp_path / "t.jsonl", lose_the_last_word)
    assert KeyFate.IN_DOUBT in [bob.fate for _, bob in results]
    again = small_lanes(LANES)
    found = replay(read_transcript(tmp_path / "t.jsonl"), "b", digest(again), begins(again, "b"))
    assert found.deviation is None
    assert [one.fate for one in found.results] == [bob.fate for _, bob in results]
    assert any(one.settled is not None for one in found.results)


def changed(path: Path, number: int, **parts: Any) -> None:
    """Line ``number`` of the file, from 0, is another."""
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[number] = json.dumps(json.loads(lines[number]) | parts)
    path.write_text("\n".join(lines), encoding="utf-8")


def test_the_first_deviation_is_named(small_lanes: Callable[..., SmallLanes], tmp_path: Path) -> None:
    """Another seed, another nonce: the first message differs. A changed word of the other side shows in the answer to it."""
    path = tmp_path / "t.jsonl"
    recorded(small_lanes(LANES), path)
    other = small_lanes(LANES, seed=2)
    found = replay(read_transcript(path), "b", digest(other), begins(other, "b"))
    assert (found.messages, found.results) == (0, ())
    assert str(found.deviation).startswith("block 0, message 0 (greeting, Hello): expected ")

    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    place = next(n for n, line in enumerate(lines) if line.get("kind") == "Detections" and line["way"] == "heard")
    data = base64.b64decode(lines[place]["data"])
    changed(path, place, data=base64.b64encode(data[:-1] + bytes([data[-1] ^ 1])).decode())
    own = small_lanes(LANES)
    found = replay(read_transcript(path), "a", digest(own), begins(own, "a"))
    assert found.deviation is not None
    assert (found.deviation.block, found.deviation.number, found.deviation.kind) == (0, 1, "Bases")
    assert found.deviation.expected_sha256 != found.deviation.sent_sha256


def test_a_transcript_that_ends_early_is_a_deviation(small_lanes: Callable[..., SmallLanes], tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    recorded(small_lanes(LANES), path)
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(lines[:-20]), encoding="utf-8")
    own = small_lanes(LANES)
    found = replay(read_transcript(path), "a", digest(own), begins(own, "a"))
    assert found.deviation is not None
    assert found.deviation.block == BLOCKS - 1


def test_nothing_of_any_key_stands_in_it(small_lanes: Callable[..., SmallLanes], tmp_path: Path) -> None:
    """Neither the keys nor the one-time keys of the tags, as bytes of any message or in hexadecimal."""
    path = tmp_path / "t.jsonl"
    link = small_lanes(LANES, events=30_000)
    secret = [link.pre_shared[start : start + 32] for start in range(0, len(link.pre_shared), 32)]
    results = recorded(link, path)
    secret += [key.reveal() for alice, _ in results for _, key in alice.keys]
    assert len(secret) > 64 + 4
    text = path.read_text(encoding="utf-8")
    raw = b"".join(entry.data for entry in read_transcript(path).entries)
    assert not any(key in raw or key.hex() in text for key in secret)


def test_other_settings_and_other_parties_are_refused(small_lanes: Callable[..., SmallLanes], tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    link = small_lanes(LANES)
    recorded(link, path)
    transcript = read_transcript(path)
    with pytest.raises(UsageError, match="give it the same declarations"):
        replay(transcript, "a", bytes(32), begins(link, "a"))
    with pytest.raises(UsageError, match="holds nothing of party 'c'"):
        replay(replace(transcript, entries=transcript.entries), "c", digest(link), begins(link, "a"))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{}", "no transcript of version 1"),
        ("[]", "line 1: no JSON object"),
        ("{", "line 1: no JSON object"),
        ('{"format": "hil-transcript", "version": 2}', "no transcript of version 1"),
        ('{"format": "hil-transcript", "version": 1}', "line 1: 'link' is missing"),
    ],
)
def test_files_that_are_no_transcripts_are_named(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "x").write_text(line, encoding="utf-8")
    with pytest.raises(UsageError, match=said):
        read_transcript(tmp_path / "x")


@pytest.mark.parametrize(
    "parts", [{"party": "c"}, {"way": "thought"}, {"block": "0"}, {"data": "%%"}, {"data": None}, {"way": "cut"}]
)
def test_lines_that_are_no_entries_are_named(
    small_lanes: Callable[..., SmallLanes], tmp_path: Path, parts: dict[str, Any]
) -> None:
    path = tmp_path / "t.jsonl"
    recorded(small_lanes(LANES, events=100), path)
    changed(path, 3, **parts)
    with pytest.raises(UsageError, match="line 4: "):
        read_transcript(path)
