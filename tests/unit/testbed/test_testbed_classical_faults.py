"""Faults of classical channels: who should notice does, and at zero nothing changes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from hil.errors import (
    AuthenticationError,
    ChannelClosedError,
    KeyStoreError,
    MissingCapabilityError,
    ObjectiveMissedError,
    UsageError,
)
from hil.pipeline.stepping import Message
from hil.testbed.channel.auth_channel import AuthChannel
from hil.testbed.channel.classical_channel import ClassicalChannel
from hil.testbed.channel.classical_steps import SteppedChannel
from hil.testbed.delivery import KeyDelivery
from hil.testbed.injection.chaos import Chaos
from hil.testbed.slo import Slo
from hil.transports.fault_proxy import Latency, Loss, Reflect, Reorder, Replay, ResetPeer, Slicer, Stall

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hil.testbed.injection.fault import Fault
    from hil.testbed.link import Link
    from hil.testbed.testbed import Testbed
    from hil.transports.fault_proxy import Toxic


@pytest.fixture
def chaos(link: Link) -> Chaos:
    return Chaos(link.testbed, link)


def made(chaos: Chaos, name: str, **settings: Any) -> Fault:
    fault: Fault = getattr(chaos, name)(**settings)
    return fault


# --- the parties' channel ---------------------------------------------------------------------------------------------

SLOW = [
    ("classical_latency", {"latency": "60 ms"}),  # 120 ms and more for a round trip that may take 100 ms
    ("classical_bandwidth", {"rate": "100 kbit/s"}),  # 2 x 1,052 bytes: 168 ms
    ("classical_slicing", {"slice_bytes": 100, "delay": "6 ms"}),  # 2 x 10 slices behind the first: 120 ms
    ("classical_loss", {"loss": "40 %", "retransmit": "150 ms"}),  # 40 % of each way: the 95th percentile at 150 ms and more
]


@pytest.mark.parametrize(("fault", "settings"), SLOW)
def test_a_slow_channel_misses_the_limit_of_the_round_trip(
    link: Link, chaos: Chaos, fault: str, settings: dict[str, Any]
) -> None:
    """The objective is the shipped one; healed, the same connection's worth of round trips meets it again."""
    channel, slo = AuthChannel(link), Slo(link)
    with made(chaos, fault, **settings) as slow, pytest.raises(ObjectiveMissedError, match="auth_round_trip"):
        slo.check(channel.round_trips(8 if fault != "classical_loss" else 60), "auth_round_trip")
    assert slow.healed
    slo.check(channel.round_trips(100), "auth_round_trip")


ZERO = [
    ("classical_latency", {"latency_s": 0.0}),
    ("classical_bandwidth", {"rate_bps": 0.0}),
    ("classical_slicing", {"slice_bytes": 0}),
    ("classical_loss", {"loss_ratio": 0.0}),
    ("classical_corruption", {"bit_error_ratio": 0.0}),
    ("classical_replay", {"replay_ratio": 0.0}),
    ("classical_reorder", {"reorder_ratio": 0.0}),
    ("classical_reflection", {"reflect_ratio": 0.0}),
]


@pytest.mark.parametrize(("fault", "settings"), ZERO)
def test_at_zero_the_block_is_what_it_was(link: Link, chaos: Chaos, fault: str, settings: dict[str, Any]) -> None:
    """Key comes of a block inside the window, as a classical fault spoils no detection, and round trips pass."""
    with made(chaos, fault, **settings):
        run = link.run(link.declared.block_s)
        AuthChannel(link).round_trips(3)
    assert run.blocks[0].released, run.blocks[0].sentence
    assert run.blocks[0].faults == (fault,)


ATTACKS = [
    ("classical_corruption", {"bit_error_ratio": 1e-3}),
    ("classical_replay", {"replay_ratio": 1.0}),
    ("classical_reorder", {"reorder_ratio": 1.0}),
    ("classical_reorder", {"reorder_ratio": 1.0, "reorder_way": "b->a"}),
    ("classical_reflection", {"reflect_ratio": 1.0}),
    ("classical_loss", {"loss_ratio": 0.5}),
    ("classical_partition", {"cut_way": "both"}),
    ("classical_partition", {"cut_way": "a->b"}),
    ("classical_partition", {"cut_way": "b->a"}),
    ("classical_reset", {}),
]


@pytest.mark.parametrize(("fault", "settings"), ATTACKS)
def test_no_key_comes_of_an_attacked_block_and_the_next_one_gives_key(
    link: Link, chaos: Chaos, fault: str, settings: dict[str, Any]
) -> None:
    with made(chaos, fault, **settings) as attack:
        attacked = link.run(link.declared.block_s)
    assert not attacked.blocks[0].released
    assert not link.released()
    assert attack.healed
    after = link.run(link.declared.block_s)
    assert after.blocks[0].released, after.blocks[0].sentence
    assert all(of_a == of_b for _, of_a, of_b in link.released())


@pytest.mark.parametrize(
    ("fault", "settings", "error"),
    [
        ("classical_corruption", {"bit_error_ratio": 1e-3}, AuthenticationError),
        ("classical_reset", {}, ChannelClosedError),
    ],
)
def test_round_trips_notice_too(link: Link, chaos: Chaos, fault: str, settings: dict[str, Any], error: type[Exception]) -> None:
    channel = AuthChannel(link)
    with made(chaos, fault, **settings), pytest.raises(error):
        channel.round_trips(20)
    channel.round_trips(3)


def test_latency_that_is_met_costs_no_key(link: Link, chaos: Chaos) -> None:
    """The suite of a link that rides out a slow network: it goes on giving key."""
    with made(chaos, "classical_latency", latency="50 ms", jitter="10 ms"):
        run = link.run(2.0 * link.declared.block_s)
    assert [block.released for block in run.blocks] == [True, True]


def test_two_faults_at_once_come_and_go_in_any_order(link: Link, chaos: Chaos) -> None:
    channel = link.testbed.classical("metro.classical")
    late, sliced = made(chaos, "classical_latency", latency="20 ms"), made(chaos, "classical_slicing", slice_bytes=400)
    with late:
        sliced.__enter__()
    assert late.healed
    assert channel.read("latency_s") == 0.0
    assert channel.read("slice_bytes") == 400.0
    sliced.end()
    assert sliced.healed
    assert channel.probe()["set"] == 0.0


def test_targets_are_named(chaos: Chaos) -> None:
    with pytest.raises(UsageError, match="found 'bob', which has no classical channel here; expected metro, kme_a, kme_b"):
        chaos.classical_latency("bob", latency="1 ms")
    with pytest.raises(UsageError, match="expected kme_a, kme_b"):
        chaos.wrong_peer("metro")
    with pytest.raises(UsageError, match="cut_way"):
        chaos.classical_partition(cut_way="up")


def test_a_channel_refuses_what_it_does_not_have() -> None:
    channel = ClassicalChannel("metro.classical", 1)
    with pytest.raises(MissingCapabilityError, match="has no colour; known: latency_s"):
        channel.read("colour")
    with pytest.raises(MissingCapabilityError, match="only the twin of a key management entity"):
        channel.write("wrong_peer", 1.0)
    with pytest.raises(UsageError, match="toxic latency"):
        channel.write("latency_s", -1.0)
    assert channel.read("latency_s") == 0.0


# --- key management entities ------------------------------------------------------------------------------------------


@pytest.fixture
def keys(testbed: Testbed, link: Link) -> Iterator[KeyDelivery]:
    with KeyDelivery(link) as made_keys:
        yield made_keys
        testbed.end()


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("certificate_expired", "certificate has expired"),
        ("wrong_peer", "is 'KME-SOMEBODY-ELSE' by its certificate; expected"),
        ("classical_reset", "reset by peer"),
    ],
)
def test_an_application_refuses_a_wrong_or_broken_entity(keys: KeyDelivery, chaos: Chaos, fault: str, says: str) -> None:
    """While it is in no request is answered; healed, the next one is. The other site never notices."""
    assert keys.a.status(keys.sae_b).stored_key_count == 0
    with getattr(chaos, fault)("kme_a"):
        keys.a.close()  # a connection that stands would know nothing of a new certificate
        with pytest.raises(KeyStoreError, match=says):
            keys.a.status(keys.sae_b)
        assert keys.b.status(keys.sae_a).stored_key_count == 0
    assert keys.a.status(keys.sae_b).stored_key_count == 0


def test_a_corrupted_record_ends_the_tls_connection(keys: KeyDelivery, chaos: Chaos) -> None:
    with chaos.classical_corruption("kme_a", bit_error_ratio=1e-3), pytest.raises(KeyStoreError, match=r"TLS|closed"):
        keys.a.status(keys.sae_b)
    assert keys.a.status(keys.sae_b).stored_key_count == 0


def test_an_application_waits_for_a_slow_entity(keys: KeyDelivery, chaos: Chaos) -> None:
    """A lower bound of the time a request takes: there and back."""
    keys.a.status(keys.sae_b)
    with chaos.classical_latency("kme_a", latency="100 ms"):
        began_s = time.monotonic()
        keys.a.status(keys.sae_b)
        assert time.monotonic() - began_s >= 0.2


def test_a_certificate_without_keys_to_deliver_cannot_be_changed(chaos: Chaos) -> None:
    with pytest.raises(MissingCapabilityError, match="fixture key_store"), chaos.wrong_peer():
        pytest.fail("was injected")


# --- the same toxics on stepped messages ------------------------------------------------------------------------------

TALK = [Message("a->b", 0, b"one"), Message("a->b", 1, b"two"), Message("b->a", 0, b"three"), Message("a->b", 2, b"four")]


@pytest.mark.parametrize(
    ("toxic", "arrived"),
    [
        (Latency(0.1, 0.05), [[b"one"], [b"two"], [b"three"], [b"four"]]),
        (Slicer(2, 1), [[b"one"], [b"two"], [b"three"], [b"four"]]),
        (Loss(1.0), [[], [], [], []]),
        (Loss(1.0, 0.2), [[b"one"], [b"two"], [b"three"], [b"four"]]),
        (Stall(), [[], [], [], []]),
        (ResetPeer(), [[], [], [], []]),
        (Replay(1.0), [[b"one"] * 2, [b"two"] * 2, [b"three"] * 2, [b"four"] * 2]),
        (Reorder(1.0), [[], [b"two", b"one"], [], []]),
        (Reflect(1.0), [[b"one"], [b"two"], [b"one", b"two", b"three"], [b"three", b"four"]]),
    ],
)
def test_toxics_act_on_stepped_messages(toxic: Toxic, arrived: list[list[bytes]]) -> None:
    channel = SteppedChannel([("it", toxic, None)], seed=1)
    assert [list(channel(message)) for message in TALK] == arrived


def test_one_way_leaves_the_other_alone_and_an_attack_comes_first() -> None:
    channel = SteppedChannel([("it", Stall(), "upstream")], 1, inner=lambda message: (message.data, b"forged"))
    assert [list(channel(message)) for message in TALK] == [[], [], [b"three", b"forged"], []]
