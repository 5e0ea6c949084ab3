"""Faults of key management entities: the stream is held back and goes on where it was, and no key is lost or there twice."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Any

import pytest

from hil.errors import FaultWithoutEvidenceError, KeyStoreBusyError, KeyStoreError, MissingCapabilityError, ObjectiveMissedError
from hil.ports.secret import SecretBytes
from hil.testbed.channel.classical_channel import ClassicalChannel
from hil.testbed.channel.classical_probe import Echo
from hil.testbed.delivery import KeyDelivery
from hil.testbed.injection.chaos import Chaos
from hil.testbed.slo import Slo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hil.testbed.link import Link

BLOCK_S = 0.2
HOLDING = [("kme_down", "kme_a", {}), ("kme_full", "kme_b", {}), ("kme_slow", "kme_a", {"delay": "300 ms"})]
ZERO = [
    ("kme_slow", {"delay_s": 0.0}),
    ("kme_full", {"fill_ratio": 0.0}),
    ("kme_rate_limited", {"rate_hz": 0.0}),
    ("kme_clock_wrong", {"offset_s": 0.0}),
]


@pytest.fixture
def keys(link: Link) -> Iterator[KeyDelivery]:
    with KeyDelivery(link) as made:
        yield made
        link.testbed.end()


@pytest.fixture
def chaos(link: Link, keys: KeyDelivery) -> Chaos:
    return Chaos(link.testbed, link)


def drawn(keys: KeyDelivery) -> list[tuple[str, bytes]]:
    """Everything there is, drawn by the one application and fetched by the other."""
    found: list[tuple[str, bytes]] = []
    while stored := keys.a.status(keys.sae_b).stored_key_count:
        own = keys.a.get_keys(keys.sae_b, min(stored, 128))
        same = keys.b.get_keys_with_ids(keys.sae_a, tuple(one.key_id for one in own))
        assert [one.key for one in same] == [one.key for one in own]
        found += [(one.key_id, one.key.reveal()) for one in own]
    return found


@pytest.mark.parametrize("fault", HOLDING, ids=lambda fault: fault[0])
def test_the_stream_is_held_back_and_goes_on(
    link: Link, keys: KeyDelivery, chaos: Chaos, fault: tuple[str, str, dict[str, Any]]
) -> None:
    """Every key that both parties released is there in the end, in order, once, and alike at both ends."""
    made: list[tuple[str, bytes]] = []
    keep = link.keep

    def note(of_a: Any, of_b: Any) -> int:
        own = list(of_a)
        made.extend((key_id, key.reveal()) for key_id, key in own)
        return keep(own, of_b)

    link.keep = note  # type: ignore[method-assign]
    name, end, settings = fault
    with getattr(chaos, name)(end, **settings) as broken:
        during = link.run(5.0 * BLOCK_S, deliver_to=keys)
    assert broken.healed
    assert during.held_s >= BLOCK_S
    assert 0 < len(during.blocks) < 5
    link.run(BLOCK_S, deliver_to=keys)
    del link.keep
    link.testbed.clock.sleep(1.0)
    keys.take_in()
    assert not link.released()
    assert drawn(keys) == made


def test_an_entity_that_is_down_takes_none_and_says_so(link: Link, keys: KeyDelivery, chaos: Chaos) -> None:
    link.run(BLOCK_S)
    waiting = link.released()
    with chaos.kme_down():
        with pytest.raises(KeyStoreError, match=r"refused|reset"):
            keys.a.get_keys(keys.sae_b)
        with pytest.raises(KeyStoreError, match="is down: it took none of"):
            keys._own_kmes().ingest_all(waiting)
        assert keys.take_in() == (0, False)
        assert keys.b.status(keys.sae_a).stored_key_count == 0
    assert link.released() == waiting
    assert keys.take_in() == (len(waiting), True)
    assert keys.a.status(keys.sae_b).stored_key_count == len(waiting)


def test_a_full_entity_goes_on_delivering_what_it_holds(link: Link, keys: KeyDelivery, chaos: Chaos) -> None:
    """Half of the room, and then none: what it acknowledged before is there."""
    link.run(BLOCK_S)
    number, _ = keys.take_in()
    with chaos.kme_full("kme_b"):
        link.run(BLOCK_S)
        waiting = link.released()
        assert waiting
        assert keys.take_in() == (0, False)
        with pytest.raises(KeyStoreError, match="room for 0 more beside those of other links"):
            keys._own_kmes().ingest_all(waiting[:1])
        assert len(drawn(keys)) == number
    assert keys.take_in() == (len(waiting), True)


def test_a_full_entity_behind_a_certificate_that_expired_is_not_seen(link: Link, keys: KeyDelivery, chaos: Chaos) -> None:
    """Nobody gets its status: what it may hold cannot be compared, and it is taken back."""
    link.run(BLOCK_S)
    keys.take_in()
    with (
        chaos.certificate_expired("kme_a"),
        pytest.raises(FaultWithoutEvidenceError, match="told nobody before how many keys"),
        chaos.kme_full("kme_a"),
    ):
        pytest.fail("it was not to be seen")
    assert keys.a.status(keys.sae_b).stored_key_count > 0


def test_a_rate_limit_takes_nothing_from_whom_it_turns_away(link: Link, keys: KeyDelivery, chaos: Chaos) -> None:
    """Two requests a second, in bench time: the second at once is turned away, half a second later it is answered."""
    link.run(BLOCK_S)
    number, _ = keys.take_in()
    with chaos.kme_rate_limited(rate="2 Hz"):
        link.testbed.clock.sleep(0.5)
        (first,) = keys.a.get_keys(keys.sae_b)
        with pytest.raises(KeyStoreBusyError, match="answered 503: too many requests; nothing was taken, ask again after 1 s"):
            keys.a.get_keys(keys.sae_b)
        link.testbed.clock.sleep(0.5)
        (second,) = keys.a.get_keys(keys.sae_b)
        assert first.key_id != second.key_id
    assert keys.a.status(keys.sae_b).stored_key_count == number - 2


def test_slow_ingestion_misses_its_limit(link: Link, keys: KeyDelivery, chaos: Chaos) -> None:
    """Two steps that both take more than the second that 95 % may take: by chance one time in 400."""
    two = [(f"00000000-0000-4000-8000-{number:012d}", SecretBytes(bytes([number]) * 32, 256)) for number in range(2)]
    link.keep(two, two)
    with chaos.kme_slow(delay="1.1 s"), pytest.raises(ObjectiveMissedError, match="key_ingestion"):
        Slo(link).check(keys.deliver(), "key_ingestion")


def test_a_clock_that_is_far_off_refuses_good_certificates(link: Link, keys: KeyDelivery, chaos: Chaos) -> None:
    """They are valid for two days. A few minutes are told, and harm nobody."""
    link.run(BLOCK_S)
    keys.take_in()
    with chaos.kme_clock_wrong(offset="3 d", clock_way="ahead") as wrong:
        assert "answered 401" in wrong.evidence
        with pytest.raises(KeyStoreError, match=r"401; .* out of date by the entity's clock, which is \+259[12]\d\d s off"):
            keys.a.get_keys(keys.sae_b)
        keys.b.status(keys.sae_a)
    with chaos.kme_clock_wrong(offset="10 min", clock_way="ahead"):
        keys.a.get_keys(keys.sae_b)
        assert keys.a.clock_offset_s == pytest.approx(600.0, abs=8.0)


@pytest.mark.parametrize(("fault", "settings"), ZERO)
def test_at_zero_keys_come_as_without_it(
    link: Link, keys: KeyDelivery, chaos: Chaos, fault: str, settings: dict[str, Any]
) -> None:
    with getattr(chaos, fault)(**settings) as nothing:
        run = link.run(2.0 * BLOCK_S, deliver_to=keys)
        for _ in range(5):
            keys.a.status(keys.sae_b)
    assert "zero" in nothing.evidence
    assert run.held_s == 0.0
    assert [block.released for block in run.blocks] == [True, True]
    assert keys.a.clock_offset_s == pytest.approx(0.0, abs=8.0)
    made = sum(round(line.value) // 256 for block in run.blocks for line in block.ledger if line.what == "keys of 256 bits")
    assert len(drawn(keys)) == made


def test_in_front_of_a_real_entity_the_proxies_do_what_they_can() -> None:
    """Down and slow by the proxy; its room, its limit and its clock are its own."""
    channel, real = ClassicalChannel("kme_a.classical", 1), Echo()
    try:
        with pytest.raises(MissingCapabilityError, match="fixture key_store"):
            channel.write("kme_down", 1.0)
        channel.handshake = dict
        address = channel.route("keys", real.address)
        assert echoed_s(address) < 5.0
        channel.write("kme_down", 1.0)
        with pytest.raises(OSError, match="refused"):
            echoed_s(address)
        assert channel.probe()["echoed"] == 200.0  # the network is in order
        channel.write("kme_down", 0.0)
        channel.write("kme_delay_s", 0.2)
        assert echoed_s(address) >= 0.2
        for setting in ("kme_fill_ratio", "kme_rate_hz", "kme_clock_offset_s"):
            with pytest.raises(MissingCapabilityError, match=f"is real, and nothing in front of it makes its {setting}"):
                channel.write(setting, 0.5)
            assert channel.read(setting) == 0.0
    finally:
        channel.close()
        real.close()


def echoed_s(address: tuple[str, int]) -> float:
    """How long a byte takes there and back."""
    began_s = time.monotonic()
    with socket.create_connection(address, 5.0) as connection:
        connection.settimeout(5.0)
        connection.sendall(b"x")
        assert connection.recv(1) == b"x"
    return time.monotonic() - began_s
