"""Key relay over trusted nodes: whatever is lost, changed or used up, the ends hold the same keys or none, and no pad twice."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.errors import AuthenticationError
from hil.pipeline.authentication import SEAL_BYTES
from hil.pipeline.entropy import SeededEntropy
from hil.pipeline.hop_keys import HopEnd
from hil.pipeline.relay import RelayNode
from hil.pipeline.relaying import HopMessage, run_batch
from hil.ports.secret import SecretBytes

KEY_BITS = 256
POOL_KEYS = 4


class Network:
    """A chain of nodes, the messages that went over its hops, and what its ends released so far."""

    def __init__(self, hops: int, key_bits: int = KEY_BITS) -> None:
        self.senders = [HopEnd(f"hop{n}", "a->b", key_bits, f"chain/hop{n}") for n in range(hops)]
        self.takers = [HopEnd(f"hop{n}", "b->a", key_bits, f"chain/hop{n}") for n in range(hops)]
        ends = zip([None, *self.takers], [*self.senders, None], strict=True)
        self.nodes = [RelayNode(up, down, key_bits, SeededEntropy(3, n)) for n, (up, down) in enumerate(ends)]
        self.sent: list[HopMessage] = []
        self.first: dict[str, SecretBytes] = {}
        self.last: dict[str, SecretBytes] = {}
        self._made = 0
        self._key_bits = key_bits

    def feed(self, hop: int, number: int) -> None:
        for _ in range(number):
            self._made += 1
            value = SeededEntropy(7, self._made).draw("key", self._key_bits // 8)
            for end in (self.senders[hop], self.takers[hop]):
                end.add([(f"{hop}-{self._made}", SecretBytes(value, self._key_bits))])

    def batch(self, disturb=lambda message: message.data):
        def watch(message: HopMessage) -> bytes | None:
            self.sent.append(message)
            return disturb(message)

        stop = run_batch(self.nodes, 10_000, watch)
        self.first |= dict(self.nodes[0].take())
        self.last |= dict(self.nodes[-1].take())
        return stop

    def named_keys(self) -> list[tuple[int, str]]:
        """Every hop key that was named on a hop, as an eavesdropper counts them: pools and pads."""
        named = []
        for message in self.sent:
            tag, _, *rest = msgspec.msgpack.decode(message.data[SEAL_BYTES:])
            if tag == "_Request":
                named += [(message.hop, key_id) for key_id in rest[0]]
            elif tag == "_Relay":
                named += [(message.hop, pad) for _, pad, _ in rest[0]]
        return named


def test_a_batch_carries_what_the_weakest_hop_has() -> None:
    network = Network(3)
    for hop, number in enumerate((30, 12, 50)):
        network.feed(hop, number)
    assert network.batch() is None
    assert len(network.first) == 12 - POOL_KEYS
    assert network.first == network.last
    assert [end.waiting for end in network.senders] == [30 - 12, 0, 50 - 12]
    assert [end.waiting for end in network.takers] == [30 - 12, 0, 50 - 12]


def test_no_message_shows_a_key_or_a_pad() -> None:
    network = Network(2)
    network.feed(0, 8)
    network.feed(1, 8)
    secrets = [key.reveal() for end in network.senders for key in end.take(end.oldest(8))]
    network = Network(2)
    network.feed(0, 8)
    network.feed(1, 8)
    network.batch()
    wires = b"".join(message.data for message in network.sent)
    assert not any(secret in wires for secret in [*secrets, *(key.reveal() for key in network.first.values())])
    assert "secret" in repr(next(iter(network.first.values())))


def test_exhaustion_names_the_hop_and_the_rest_goes_on_later() -> None:
    network = Network(3)
    for hop, number in enumerate((20, 20, 4)):
        network.feed(hop, number)
    stop = network.batch()
    assert stop is not None
    assert stop.hop == 2
    assert "hop2" in stop.reason
    assert not network.first
    assert not network.last
    network.feed(2, 6)
    assert network.batch() is None
    assert len(network.first) == 6
    assert network.first == network.last


def test_a_lost_done_leaves_keys_in_doubt_until_the_next_batch() -> None:
    network = Network(2)
    network.feed(0, 20)
    network.feed(1, 20)
    dones = []

    def lose_done(message: HopMessage) -> bytes | None:
        if not message.onward and msgspec.msgpack.decode(message.data[SEAL_BYTES:])[0] == "_Done":
            dones.append(message)
            return None
        return message.data

    assert network.batch(lose_done) is not None
    assert dones
    assert not network.first
    assert network.nodes[0].in_doubt == len(network.last) == 16
    network.feed(0, 5)
    network.feed(1, 5)
    assert network.batch() is None
    assert network.nodes[0].in_doubt == 0
    assert network.first == network.last
    assert len(network.first) == 16 + 1


@pytest.mark.parametrize("key_bits", [64, 128, 512, 2048])
def test_any_key_size_feeds_its_tags(key_bits: int) -> None:
    network = Network(2, key_bits)
    network.feed(0, 40)
    network.feed(1, 40)
    assert network.batch() is None
    assert len(network.first) == 40 - -(-1024 // key_bits)
    assert network.first == network.last


def test_a_forged_request_spends_nothing() -> None:
    network = Network(1)
    network.feed(0, 10)
    ids = network.takers[0].oldest(POOL_KEYS)
    body = msgspec.msgpack.encode(["_Request", 1, ids, 3, []])
    with pytest.raises(AuthenticationError):
        network.nodes[1].receive(bytes(SEAL_BYTES) + body, from_up=True)
    assert network.takers[0].waiting == 10
    assert network.batch() is None


UNREADABLE = [b"", b"\x90", bytes([0x91, 0xA2, 0xFF, 0xFF]), b"\x95\xa8_Request\x01\x91\xa1\xff\x01\x90"]


@pytest.mark.parametrize("body", UNREADABLE)
def test_what_cannot_be_read_is_refused(body: bytes) -> None:
    network = Network(1)
    network.feed(0, 10)
    with pytest.raises(AuthenticationError, match="cannot be read"):
        network.nodes[1].receive(bytes(SEAL_BYTES) + body, from_up=True)


STOCKS = st.lists(st.integers(0, 9), min_size=4, max_size=4)
DISTURBANCES = st.sampled_from(["pass", "drop", "flip", "replay", "truncate"])


@settings(max_examples=150, deadline=None)
@given(
    hops=st.integers(1, 4),
    plan=st.lists(st.tuples(STOCKS, st.dictionaries(st.integers(0, 15), DISTURBANCES)), max_size=6),
    place=st.integers(0, 10_000),
)
def test_ends_have_equal_keys_or_none_whatever_happens_on_the_way(hops, plan, place) -> None:
    """Random stocks, losses, changes and replays; afterwards an undisturbed batch settles every doubt."""
    network = Network(hops)
    for stock, disturbances in plan:
        for hop in range(hops):
            network.feed(hop, stock[hop])
        at = iter(range(1000))

        def disturb(message: HopMessage, at=at, disturbances=disturbances) -> bytes | None:
            kind = disturbances.get(next(at), "pass")
            if kind == "drop":
                return None
            if kind == "flip":
                bit = place % (8 * len(message.data))
                return (int.from_bytes(message.data, "big") ^ (1 << bit)).to_bytes(len(message.data), "big")
            if kind == "truncate":
                return message.data[: place % len(message.data)]
            if kind == "replay":
                return network.sent[place % len(network.sent)].data
            return message.data

        network.batch(disturb)
        assert all(network.last[key_id] == key for key_id, key in network.first.items())
    for hop in range(hops):
        network.feed(hop, POOL_KEYS + 1)
    before = len(network.last)
    assert network.batch() is None
    assert len(network.last) > before
    assert network.first == network.last
    assert network.nodes[0].in_doubt == 0
    named = network.named_keys()
    assert len(set(named)) == len(named), "a hop key was named twice"
    assert all(a.reveal() != b.reveal() for a, b in pairwise(network.first.values()))
