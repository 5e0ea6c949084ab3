"""The pure core of the fault proxy: what comes out of a chain of toxics, and when, told the time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.errors import UsageError
from hil.transports.fault_proxy.attributes import attributes, from_attributes
from hil.transports.fault_proxy.chain import Chain
from hil.transports.fault_proxy.piece import Framer, Mark, Piece
from hil.transports.fault_proxy.stage import NEVER_NS, Draws
from hil.transports.fault_proxy.toxics import (
    TOXICS,
    Bandwidth,
    Corrupt,
    Latency,
    LimitData,
    Loss,
    Reflect,
    Reorder,
    Replay,
    ResetPeer,
    Slicer,
    SlowClose,
    Stall,
    Timeout,
    stage_of,
)

if TYPE_CHECKING:
    from hil.transports.fault_proxy.toxics import Toxic

MS = 1_000_000
END = Piece(mark=Mark.END)


def chain_of(*toxics: Toxic, header_bytes: int = 0, seed: int = 7) -> Chain:
    """A chain with these toxics from time zero."""
    chain = Chain()
    for number, toxic in enumerate(toxics):
        chain.add(f"{toxic.type}{number}", stage_of(toxic, Draws(seed, number), header_bytes), 0)
    return chain


def arrivals(chain: Chain) -> list[tuple[int, Piece]]:
    """Everything that still comes out, with the time of each, as an event loop would see it."""
    seen = [(0, piece) for piece in chain.advance(0)]
    while (due_ns := chain.next_due_ns) < NEVER_NS:
        seen += [(due_ns, piece) for piece in chain.advance(due_ns)]
    return seen


def frames(*messages: bytes) -> bytes:
    """Messages behind their lengths."""
    return b"".join(len(message).to_bytes(4, "big") + message for message in messages)


def through(toxic: Toxic, *messages: bytes, seed: int = 7) -> list[bytes]:
    """Messages that arrive when these are sent at once."""
    chain = chain_of(toxic, header_bytes=4, seed=seed)
    for piece in Framer("length-prefixed").split(frames(*messages)):
        chain.push(0, piece)
    chain.push(0, END)
    stream = b"".join(piece.data for _, piece in arrivals(chain) if not piece.back)
    arrived = []
    while stream:
        length = int.from_bytes(stream[:4], "big")
        arrived.append(stream[4 : 4 + length])
        stream = stream[4 + length :]
    return arrived


# --- units ------------------------------------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=9), max_size=8), st.integers(1, 7))
def test_a_framer_finds_the_borders_however_the_bytes_come(messages: list[bytes], step: int) -> None:
    stream, framer = frames(*messages), Framer("length-prefixed")
    pieces = [piece for at in range(0, len(stream), step) for piece in framer.split(stream[at : at + step])]
    whole: list[bytes] = []
    for piece in pieces:
        whole = [*whole, piece.data] if piece.begins else [*whole[:-1], whole[-1] + piece.data]
    assert whole == [frames(message) for message in messages]
    assert sum(piece.ends for piece in pieces) == len(messages)
    assert framer.at_border


def test_following_and_splitting_agree() -> None:
    stream = frames(b"abc", b"", b"defgh")
    for cut in range(len(stream) + 1):
        followed, split = Framer("length-prefixed"), Framer("length-prefixed")
        followed.follow(stream[:cut])
        split.split(stream[:cut])
        assert followed.at_border == split.at_border == (cut in {0, 7, 11, 20})


# --- timing -----------------------------------------------------------------------------------------------------------


def test_latency_delays_each_piece_and_not_the_sum_of_them() -> None:
    """A thousand pieces sent at once all arrive after one delay: throughput is what it was."""
    chain = chain_of(Latency(0.1))
    for number in range(1000):
        chain.push(number, Piece(b"x"))
    assert [at_ns for at_ns, _ in arrivals(chain)] == [100 * MS + number for number in range(1000)]


def test_jitter_spreads_uniformly_and_keeps_the_order() -> None:
    """Pieces far apart do not wait for each other, so their delays are the draws: uniform in 100 +- 20 ms."""
    chain = chain_of(Latency(0.1, 0.02))
    for number in range(400):
        chain.push(number * 1000 * MS, Piece(b"x"))
    delays_ms = [at_ns / MS - 1000 * number for number, (at_ns, _) in enumerate(arrivals(chain))]
    assert min(delays_ms) >= 80
    assert max(delays_ms) <= 120
    # each fifth of the interval: binomial(400, 0.2), 80 +- 8; 5 sigma for a false alarm below 1e-5
    for fifth in range(5):
        assert abs(sum(80 + 8 * fifth <= delay < 88 + 8 * fifth for delay in delays_ms) - 80) < 40
    crowded = chain_of(Latency(0.1, 0.02))
    for number in range(200):
        crowded.push(number * MS, Piece(number.to_bytes(2, "big")))
    assert [int.from_bytes(piece.data, "big") for _, piece in arrivals(crowded)] == list(range(200))


def test_bandwidth_is_bytes_over_time() -> None:
    """1 MB at 10 MB/s takes 100 ms, however it comes in, and it comes evenly: a fifth of it in a fifth of the time."""
    for pieces in ([1_000_000], [250_000] * 4, [1000] * 1000):
        chain = chain_of(Bandwidth(10e6))
        for size in pieces:
            chain.push(0, Piece(bytes(size)))
        seen = arrivals(chain)
        assert seen[-1][0] == pytest.approx(100 * MS, abs=2)
        for share in (0.2, 0.4, 0.6, 0.8):
            passed = sum(len(piece.data) for at_ns, piece in seen if at_ns <= share * 100 * MS + 2)
            assert abs(passed - share * 1_000_000) <= 200_000


def test_a_slow_line_stops_reading_its_sender() -> None:
    chain = chain_of(Bandwidth(1e6))
    assert chain.ready_ns == 0
    chain.push(0, Piece(bytes(100_000)))
    assert chain.ready_ns == pytest.approx(80 * MS, abs=2)  # 100 ms of work, 20 ms of it in advance


def test_an_idle_line_saves_nothing_up() -> None:
    chain = chain_of(Bandwidth(1e6))
    chain.push(5000 * MS, Piece(bytes(1000)))
    assert arrivals(chain)[-1][0] == pytest.approx(5001 * MS, abs=2)


def test_slices_have_the_sizes_asked_for() -> None:
    chain = chain_of(Slicer(10, 4, 0.001))
    chain.push(0, Piece(bytes(range(200))))
    seen = arrivals(chain)
    assert b"".join(piece.data for _, piece in seen) == bytes(range(200))
    assert all(6 <= len(piece.data) <= 14 for _, piece in seen[:-1])
    assert len({len(piece.data) for _, piece in seen}) > 3
    assert [at_ns for at_ns, _ in seen] == [number * MS for number in range(len(seen))]


def test_a_slow_close_delays_the_end_only() -> None:
    chain = chain_of(SlowClose(0.5))
    chain.push(3, Piece(b"x"))
    chain.push(4, END)
    assert [(at_ns, piece.mark) for at_ns, piece in arrivals(chain)] == [(3, Mark.DATA), (4 + 500 * MS, Mark.END)]


def test_a_stall_keeps_everything_until_it_is_gone() -> None:
    chain = chain_of(Stall())
    chain.push(0, Piece(b"one"))
    chain.push(1, Piece(b"two"))
    chain.push(2, END)
    assert chain.advance(10**15) == []
    assert chain.ready_ns == NEVER_NS
    chain.remove("stall0", 10**15)
    assert chain.advance(10**15) == [Piece(b"one"), Piece(b"two"), END]
    assert chain.empty


# --- ends -------------------------------------------------------------------------------------------------------------


def test_a_timeout_loses_everything_then_closes() -> None:
    chain = chain_of(Timeout(0.2))
    chain.push(0, Piece(b"lost"))
    assert [(at_ns, piece.mark) for at_ns, piece in arrivals(chain)] == [(200 * MS, Mark.CLOSE)]


def test_a_timeout_of_zero_closes_when_the_toxic_goes() -> None:
    """As toxiproxy does: a stream with a hole in it is of no use."""
    chain = chain_of(Timeout(0.0))
    chain.push(0, Piece(b"lost"))
    assert arrivals(chain) == []
    chain.remove("timeout0", 5)
    assert [piece.mark for piece in chain.advance(5)] == [Mark.CLOSE]


def test_a_reset_comes_at_its_time_whatever_waits() -> None:
    chain = chain_of(ResetPeer(0.1), Latency(60.0), Stall())
    chain.push(0, Piece(b"x"))
    assert [(at_ns, piece.mark) for at_ns, piece in arrivals(chain)] == [(100 * MS, Mark.RESET)]
    spared = chain_of(ResetPeer(0.1))
    spared.remove("reset_peer0", MS)
    assert arrivals(spared) == []


def test_a_limit_lets_exactly_so_many_bytes_pass() -> None:
    chain = chain_of(LimitData(10))
    for _ in range(3):
        chain.push(0, Piece(b"abcd"))
    seen = [piece for _, piece in arrivals(chain)]
    assert b"".join(piece.data for piece in seen) == b"abcdabcdab"
    assert [piece.mark for piece in seen if piece.mark is not Mark.DATA] == [Mark.CLOSE]


# --- damage -----------------------------------------------------------------------------------------------------------

MESSAGES = [bytes([number]) * (number % 5) + bytes([number]) for number in range(200)]


def test_loss_takes_whole_messages_at_its_rate() -> None:
    arrived = through(Loss(0.25), *MESSAGES)
    assert [message for message in MESSAGES if message in set(arrived)] == arrived
    # binomial(200, 0.25): 50 +- 6.1; 5 sigma
    assert abs(len(MESSAGES) - len(arrived) - 50) < 31
    assert through(Loss(0.25), *MESSAGES) == arrived
    assert through(Loss(0.25), *MESSAGES, seed=8) != arrived


def test_loss_that_tcp_repairs_only_delays() -> None:
    """Both lost units take a timeout each, and what is behind waits for them."""
    chain = chain_of(Loss(1.0, retransmit_s=0.2))
    chain.push(0, Piece(b"a"))
    chain.push(0, Piece(b"b"))
    chain.push(1, END)
    assert [(at_ns // MS, piece.data) for at_ns, piece in arrivals(chain)] == [(200, b"a"), (400, b"b"), (400, b"")]


def test_replay_repeats_and_reorder_swaps() -> None:
    assert through(Replay(1.0), b"a", b"b") == [b"a", b"a", b"b", b"b"]
    assert through(Reorder(1.0), b"a", b"b", b"c", b"d") == [b"b", b"a", b"d", b"c"]
    assert through(Reorder(1.0), b"a", b"b", b"c") == [b"b", b"a", b"c"]


def test_a_held_message_goes_on_alone_when_nothing_follows() -> None:
    """Or a protocol of questions and answers would wait for ever."""
    chain = chain_of(Reorder(1.0, hold_s=0.25))
    chain.push(10, Piece(b"question"))
    assert arrivals(chain) == [(10 + 250 * MS, Piece(b"question"))]


def test_reflection_gives_the_sender_a_copy() -> None:
    chain = chain_of(Reflect(1.0), Latency(0.1))
    for piece in Framer("length-prefixed").split(frames(b"hello")):
        chain.push(0, piece)
    seen = arrivals(chain)
    assert [(at_ns, piece.data, piece.back) for at_ns, piece in seen] == [
        (0, frames(b"hello"), True),
        (100 * MS, frames(b"hello"), False),
    ]


def test_corruption_flips_bits_at_its_rate_and_never_a_length() -> None:
    messages = [bytes(1000)] * 200
    arrived = through(Corrupt(1e-3), *messages)
    assert [len(message) for message in arrived] == [1000] * 200
    flips = sum(byte.bit_count() for message in arrived for byte in message)
    # binomial(1.6 million, 1e-3): 1600 +- 40; 5 sigma
    assert abs(flips - 1600) < 200
    assert through(Corrupt(0.0), *messages) == messages


@given(st.lists(st.integers(1, 90_000), min_size=1, max_size=6))
def test_corruption_does_not_depend_on_how_the_bytes_came(cuts: list[int]) -> None:
    total = sum(cuts)
    whole, cut = chain_of(Corrupt(1e-4)), chain_of(Corrupt(1e-4))
    whole.push(0, Piece(bytes(total)))
    for size in cuts:
        cut.push(0, Piece(bytes(size)))
    assert b"".join(p.data for _, p in arrivals(cut)) == b"".join(p.data for _, p in arrivals(whole))


def test_a_toxic_that_comes_in_the_middle_of_a_message_leaves_it_alone() -> None:
    framer, chain = Framer("length-prefixed"), Chain()
    stream = frames(b"first message", b"second")
    for piece in framer.split(stream[:9]):
        chain.push(0, piece)
    chain.add("loss", stage_of(Loss(1.0), Draws(1), 4), 0)
    for piece in framer.split(stream[9:]):
        chain.push(0, piece)
    assert b"".join(piece.data for piece in chain.advance(0)) == frames(b"first message")


# --- coming and going -------------------------------------------------------------------------------------------------


def test_taking_latency_away_flushes_in_order_through_what_is_behind_it() -> None:
    chain = chain_of(Latency(10.0), Slicer(2))
    chain.push(0, Piece(b"abc"))
    chain.push(1, Piece(b"def"))
    chain.remove("latency0", 5)
    chain.push(5, Piece(b"g"))
    assert [piece.data for piece in chain.advance(5)] == [b"ab", b"c", b"de", b"f", b"g"]


def test_a_held_message_goes_before_the_half_one_behind_it_when_the_toxic_goes() -> None:
    chain = chain_of(Reorder(1.0))
    stream = frames(b"held", b"half of it")
    for piece in Framer("length-prefixed").split(stream[:14]):
        chain.push(0, piece)
    chain.remove("reorder0", 1)
    assert b"".join(piece.data for piece in chain.advance(1)) == stream[:14]


def test_a_loop_that_is_late_does_not_add_up() -> None:
    """The second delay begins when the first was due, not when somebody looked."""
    chain = chain_of(Latency(0.1), Latency(0.1))
    chain.push(0, Piece(b"x"))
    assert chain.advance(150 * MS) == []
    assert chain.next_due_ns == 200 * MS


ANY = [
    Latency(0.01, 0.01),
    Bandwidth(1e6),
    Slicer(3, 2, 1e-4),
    SlowClose(0.1),
    Stall(),
    Loss(0.3, 0.05),
    Corrupt(0.0),
    Reorder(0.0),
    Replay(0.0),
    Reflect(0.0),
    ResetPeer(1e6),
    LimitData(10**9),
]


@given(st.data())
def test_toxics_that_keep_the_bytes_keep_them_whatever_comes_and_goes(data: st.DataObject) -> None:
    """Any sequence of bytes, toxics added and taken away at any time: every byte arrives once, in order, then the end."""
    framing = data.draw(st.sampled_from(["chunks", "length-prefixed"]))
    framer, chain, now_ns, names, got = Framer(framing), Chain(), 0, [], b""  # type: ignore[arg-type]
    sent = frames(*data.draw(st.lists(st.binary(max_size=20), max_size=8)))
    at = 0
    while at < len(sent):
        now_ns += data.draw(st.integers(0, 20 * MS))
        match data.draw(st.sampled_from(["send", "send", "add", "remove"])):
            case "send":
                size = data.draw(st.integers(1, 12))
                for piece in framer.split(sent[at : at + size]):
                    chain.push(now_ns, piece)
                at += size
            case "add":
                names.append(f"toxic{len(names)}")
                chain.add(names[-1], stage_of(data.draw(st.sampled_from(ANY)), Draws(3, len(names)), 4), now_ns)
            case _ if names:
                chain.remove(data.draw(st.sampled_from(names)), now_ns)
        got += b"".join(piece.data for piece in chain.advance(now_ns))
        assert chain.queued_bytes == min(at, len(sent)) - len(got)
    chain.push(now_ns, END)
    for name in names:
        chain.remove(name, now_ns)
    rest = chain.advance(now_ns)
    assert got + b"".join(piece.data for piece in rest) == sent
    assert rest[-1].mark is Mark.END
    assert chain.empty


# --- settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("latency", {"latency_s": -1.0}),
        ("latency", {"latency_s": float("nan")}),
        ("bandwidth", {"rate_bytes_per_s": 0.0}),
        ("loss", {"loss_ratio": 1.5}),
        ("slicer", {"average_bytes": 5, "variation_bytes": 5}),
    ],
)
def test_impossible_settings_are_refused(kind: str, settings: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=f"toxic {kind}: .* expected"):
        TOXICS[kind](**settings)


def test_attributes_are_toxiproxys() -> None:
    """Names and units from its README: milliseconds, KB/s, bytes, microseconds."""
    assert from_attributes("latency", {"latency": 1000, "jitter": 50}) == Latency(1.0, 0.05)
    assert from_attributes("bandwidth", {"rate": 512}) == Bandwidth(512_000.0)
    assert from_attributes("slicer", {"average_size": 64, "size_variation": 8, "delay": 250}) == Slicer(64, 8, 0.00025)
    assert from_attributes("limit_data", {"bytes": 77}) == LimitData(77)
    assert attributes(Slicer(64, 8, 0.00025)) == {"average_size": 64, "size_variation": 8, "delay": 250}
    assert from_attributes("latency", {"jitter": 5}, Latency(1.0)) == Latency(1.0, 0.005)
    with pytest.raises(UsageError, match="attribute 'late'"):
        from_attributes("latency", {"late": 5})
    with pytest.raises(UsageError, match="attributes are missing; expected latency, jitter"):
        from_attributes("latency", {})
    with pytest.raises(UsageError, match="no toxic 'lag'"):
        from_attributes("lag", {})
