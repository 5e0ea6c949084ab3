"""One-time tags and the pool they are paid from."""

from __future__ import annotations

import pytest

from hil.errors import AuthenticationError, AuthenticationKeyExhaustedError, UsageError
from hil.pipeline.authentication import KEY_BYTES, Authenticator, KeyPool, forgery_chance

PRE_SHARED = bytes(range(256))
"""Eight keys: four for each direction."""


def pair() -> tuple[Authenticator, Authenticator]:
    return Authenticator(KeyPool(PRE_SHARED), "a->b", "metro"), Authenticator(KeyPool(PRE_SHARED), "b->a", "metro")


def poly1305(key: bytes, message: bytes) -> bytes:
    """RFC 8439, section 2.5.1, with Python's integers."""
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    accumulator = 0
    for start in range(0, len(message), 16):
        accumulator = (accumulator + int.from_bytes(message[start : start + 16] + b"\x01", "little")) * r % (2**130 - 5)
    return ((accumulator + int.from_bytes(key[16:], "little")) % 2**128).to_bytes(16, "little")


def test_the_big_integer_tag_below_is_that_of_the_rfc() -> None:
    """RFC 8439, section 2.5.2."""
    key = bytes.fromhex("85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b")
    assert poly1305(key, b"Cryptographic Forum Research Group").hex() == "a8061dc1305136c6c22b8baf0c0127a9"


def test_a_tag_is_poly1305_over_direction_number_subject_and_message() -> None:
    """Against the big-integer computation, under the first key of the direction."""
    alice, _ = pair()
    parts = (b"a->b", bytes(4), b"metro", b"hello")
    framed = b"".join(len(part).to_bytes(8, "little") + part for part in parts)
    assert alice.tag(b"hello") == bytes(4) + poly1305(PRE_SHARED[:KEY_BYTES], framed)


def test_each_side_accepts_what_the_other_tagged_and_spends_a_key_a_tag() -> None:
    alice, bob = pair()
    bob.verify(alice.tag(b"one", b"two"), b"one", b"two")
    alice.verify(bob.tag(b"three"), b"three")
    assert (alice.spent_keys, bob.spent_keys) == (2, 2)
    assert alice.pool.position == bob.pool.position == (1, 4, 1, 4)


def test_the_second_message_is_tagged_with_another_key() -> None:
    alice, _ = pair()
    assert alice.tag(b"same")[4:] != alice.tag(b"same")[4:]


@pytest.mark.parametrize("changed", [(b"onetwo",), (b"one", b"twO"), (b"on", b"etwo"), ()])
def test_anything_but_the_tagged_parts_is_refused(changed: tuple[bytes, ...]) -> None:
    """Also the same bytes, parted otherwise."""
    alice, bob = pair()
    seal = alice.tag(b"one", b"two")
    with pytest.raises(AuthenticationError, match="does not fit"):
        bob.verify(seal, *changed)


def test_forgeries_spend_nothing_at_the_receiver() -> None:
    alice, bob = pair()
    seal = alice.tag(b"message")
    for _ in range(100):
        with pytest.raises(AuthenticationError):
            bob.verify(seal, b"forged")
    bob.verify(seal, b"message")
    assert bob.pool.position == alice.pool.position


def test_a_replayed_tag_is_refused() -> None:
    alice, bob = pair()
    seal = alice.tag(b"message")
    bob.verify(seal, b"message")
    with pytest.raises(AuthenticationError, match="used or never had"):
        bob.verify(seal, b"message")


def test_a_reflected_tag_is_refused() -> None:
    """Alice's own message and tag come back to her."""
    alice, _ = pair()
    with pytest.raises(AuthenticationError):
        alice.verify(alice.tag(b"message"), b"message")


def test_a_tag_of_another_link_is_refused() -> None:
    alice, _ = pair()
    other = Authenticator(KeyPool(PRE_SHARED), "b->a", "other link")
    with pytest.raises(AuthenticationError):
        other.verify(alice.tag(b"message"), b"message")


@pytest.mark.parametrize("seal", [b"", bytes(19), bytes(21)])
def test_a_seal_of_another_length_is_refused(seal: bytes) -> None:
    _, bob = pair()
    with pytest.raises(AuthenticationError, match="20 are expected"):
        bob.verify(seal, b"message")


def test_keys_of_lost_messages_are_passed_over_and_gone() -> None:
    alice, bob = pair()
    lost = alice.tag(b"lost")
    bob.verify(alice.tag(b"arrived"), b"arrived")
    with pytest.raises(AuthenticationError):
        bob.verify(lost, b"lost")
    assert bob.pool.remaining("a->b") == 2


def test_an_exhausted_pool_says_so() -> None:
    alice, _ = pair()
    for _ in range(4):
        alice.tag(b"message")
    with pytest.raises(AuthenticationKeyExhaustedError, match="0 authentication keys are left for a->b, 1 are needed"):
        alice.tag(b"message")


def test_a_pool_is_refilled_for_each_direction_with_the_same_keys_at_both_ends() -> None:
    alice, bob = pair()
    for each in (alice, bob):
        each.pool.replenish(bytes(96), 1)
    assert alice.pool.position == bob.pool.position == (0, 5, 0, 6)
    for _ in range(5):
        bob.verify(alice.tag(b"message"), b"message")


def test_too_short_a_pre_shared_key_is_refused() -> None:
    with pytest.raises(UsageError, match="at least 128 bytes; got 127"):
        KeyPool(bytes(127))


def test_nothing_that_prints_a_pool_shows_its_keys() -> None:
    pool = KeyPool(b"\xabK" * 128)
    assert "abK" not in repr(pool)
    assert repr(pool) == "<key pool, 4 keys a->b, 4 keys b->a>"


def test_the_bound_on_forgeries_is_the_published_one() -> None:
    """8 ceil(L/16) / 2^106 for L bytes (Bernstein 2005): of a message of 8 MB."""
    assert forgery_chance(8_000_001) == pytest.approx(8 * 500_001 / 2**106)
