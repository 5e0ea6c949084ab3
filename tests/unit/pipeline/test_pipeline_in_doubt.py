"""Release is two-sided: what a cut at the end of a block leaves in doubt, and how it is settled."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hil.errors import AuthenticationKeyExhaustedError, ChannelClosedError
from hil.pipeline.messages import Confirm, Hello, Seal, decode, encode
from hil.pipeline.party import Outgoing
from hil.pipeline.settings import KeyFate
from hil.pipeline.stepping import run_pair

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hil.pipeline.party import Party
    from hil.pipeline.settings import BlockResult
    from hil.pipeline.stepping import Interceptor, Message
    from tests.unit.pipeline.conftest import SmallLink


class Cut:
    """Drops everything from a given message on: Alice's ``seal`` number 0 is her transcript's, number 1 the release."""

    def __init__(self, direction: str, kind: type, number: int = 0) -> None:
        self._direction, self._kind, self._left = direction, kind, number
        self.cut = False

    def __call__(self, message: Message) -> Iterable[bytes]:
        if message.direction == self._direction and isinstance(decode(message.data)[1], self._kind):
            self.cut = self.cut or self._left == 0
            self._left -= 1
        return () if self.cut else (message.data,)


def release_lost() -> Cut:
    return Cut("a->b", Seal, 1)


def test_without_alices_word_the_key_is_in_doubt_at_bob_and_not_handed_out(small: Callable[..., SmallLink]) -> None:
    link = small()
    alice, bob = link.run(release_lost())
    assert (alice.fate, bob.fate) == (KeyFate.RELEASED, KeyFate.IN_DOUBT)
    assert bob.keys == ()
    assert (bob.report.released, bob.report.secret_bits, bob.report.key_fingerprints) == (False, 0, ())
    assert bob.report.sentence.startswith("in doubt: Alice's release did not arrive")


def test_the_next_block_settles_it_with_the_same_keys(small: Callable[..., SmallLink]) -> None:
    link = small()
    lost, _ = link.run(release_lost())
    alice, bob = link.run()
    assert bob.settled is not None
    assert bob.settled.fate is KeyFate.RELEASED
    assert bob.settled.keys == lost.keys
    assert bob.settled.report.key_fingerprints == lost.report.key_fingerprints
    assert bob.settled.report.sequence == 0
    assert alice.fate is bob.fate is KeyFate.RELEASED
    assert alice.keys == bob.keys
    assert link.alice.pool.position == link.bob.pool.position


def test_a_block_that_alice_never_released_is_discarded_at_bob(small: Callable[..., SmallLink]) -> None:
    link = small()
    alice, bob = link.run(Cut("b->a", Confirm))
    assert (alice.fate, bob.fate) == (KeyFate.DISCARDED, KeyFate.IN_DOUBT)
    alice, bob = link.run()
    assert bob.settled is not None
    assert (bob.settled.fate, bob.settled.keys) == (KeyFate.DISCARDED, ())
    assert "Alice had discarded the block" in bob.settled.report.sentence
    assert alice.fate is bob.fate is KeyFate.RELEASED


def interrupted(party: Party[BlockResult]) -> Party[BlockResult]:
    """Alice's party whose channel breaks as she says her last word, before it goes out."""
    seals, request = 0, next(party)
    try:
        while True:
            if isinstance(request, Outgoing) and isinstance(decode(request.data)[1], Seal):
                seals += 1
            request = party.throw(ChannelClosedError("cut")) if seals == 2 else party.send((yield request))
    except StopIteration as end:
        result: BlockResult = end.value
        return result


def test_a_channel_that_breaks_on_alices_last_word_does_not_take_her_key(small: Callable[..., SmallLink]) -> None:
    """She will tell Bob that it is released, so she must have it."""
    link = small()
    context = link.next_block()
    prepare, records = link.raw()
    alice, bob = run_pair(interrupted(link.alice.block(context, prepare)), link.bob.block(context, records))
    assert (alice.fate, bob.fate) == (KeyFate.RELEASED, KeyFate.IN_DOUBT)
    _, bob = link.run()
    assert bob.settled is not None
    assert bob.settled.keys == alice.keys != ()


def test_the_fate_is_told_also_when_the_next_block_gives_no_key(small: Callable[..., SmallLink]) -> None:
    link = small()
    lost, _ = link.run(release_lost())
    alice, bob = link.run(events=0)
    assert alice.fate is bob.fate is KeyFate.DISCARDED
    assert bob.settled is not None
    assert bob.settled.keys == lost.keys
    assert (alice.report.authentication_bits, bob.report.authentication_bits) == (256, 256)


def test_it_stays_in_doubt_through_blocks_that_do_not_get_through(small: Callable[..., SmallLink]) -> None:
    link = small()
    lost, _ = link.run(release_lost())
    for _ in range(3):
        alice, bob = link.run(lambda _: ())
        assert alice.fate is bob.fate is KeyFate.DISCARDED
        assert bob.settled is None
        assert "the classical channel was cut, or a message was lost" in bob.report.sentence
    _, bob = link.run()
    assert bob.settled is not None
    assert bob.settled.keys == lost.keys


def forged_fate(change: Callable[[Hello], Hello]) -> Interceptor:
    def intercept(message: Message) -> Iterable[bytes]:
        header, body = decode(message.data)
        if message.direction == "a->b" and isinstance(body, Hello):
            return (encode(header, change(body)),)
        return (message.data,)

    return intercept


@pytest.mark.parametrize("cut", [release_lost(), Cut("b->a", Confirm)], ids=["released", "discarded"])
def test_a_forged_fate_settles_nothing(small: Callable[..., SmallLink], cut: Cut) -> None:
    """Turned over, left out, or under no tag: the block stays in doubt, and the truth is told later."""
    link = small()
    cut.cut = False
    truth, _ = link.run(Cut(cut._direction, cut._kind, max(cut._left, 0) if cut._kind is Confirm else 1))
    changes = (
        lambda hello: replace_fate(hello, 3 - hello.fate),
        lambda hello: replace_fate(hello, 0),
        lambda hello: replace_fate(hello, 1, seal=bytes(20)),
        lambda hello: replace_fate(hello, 2, seal=b""),
    )
    for change in changes:
        _, bob = link.run(forged_fate(change))
        assert bob.fate is KeyFate.DISCARDED
        assert bob.settled is None
    _, bob = link.run()
    assert bob.settled is not None
    assert bob.settled.fate is truth.fate
    assert bob.settled.keys == truth.keys


def replace_fate(hello: Hello, fate: int, seal: bytes | None = None) -> Hello:
    return Hello(
        hello.nonce,
        hello.sequence,
        hello.settings,
        hello.keys,
        hello.only_in_fault,
        hello.in_doubt,
        fate,
        hello.seal if seal is None else seal,
    )


def test_doubt_is_bounded_in_time_and_the_pools_stay_in_step(small: Callable[..., SmallLink]) -> None:
    """After an hour of bench time Bob destroys the key, but what the pool gets of it still comes when Alice says so."""
    link = small()
    link.run(release_lost())
    _, bob = link.run(lambda _: (), start_s=5000.0, end_s=5001.0)
    assert bob.settled is not None
    assert (bob.settled.fate, bob.settled.keys) == (KeyFate.DISCARDED, ())
    assert "in doubt for more than 3600 s" in bob.settled.report.sentence
    alice, bob = link.run(start_s=5001.0, end_s=5002.0)
    assert alice.fate is bob.fate is KeyFate.RELEASED
    assert bob.settled is None
    assert link.alice.pool.position == link.bob.pool.position


def test_a_bob_who_lost_his_memory_is_noticed(small: Callable[..., SmallLink]) -> None:
    """Alice released and refilled her pool; a restarted Bob has the old one: no tag would ever fit again."""
    link = small()
    link.run(release_lost())
    fresh = small(seed=2)
    link.bob = fresh.bob
    alice, bob = link.run()
    assert alice.fate is bob.fate is KeyFate.DISCARDED
    assert "the authentication pools of the two ends are out of step" in alice.report.sentence
    assert "the authentication pools of the two ends are out of step" in bob.report.sentence


def test_an_attacker_who_cuts_every_block_at_its_end_exhausts_the_pool_by_name(small: Callable[..., SmallLink]) -> None:
    """Eight keys a direction: the first cut block takes one, the others two, as they tell the fate of the one before."""
    link = small()
    for _ in range(4):
        alice, bob = link.run(Cut("b->a", Confirm))
        assert not alice.keys
        assert not bob.keys
    with pytest.raises(AuthenticationKeyExhaustedError, match="give both ends a new pre-shared key"):
        link.run()


def test_settings_that_differ_are_named_at_both_ends(small: Callable[..., SmallLink]) -> None:
    link = small()
    link.bob = small(settings=replace(link.settings, key_size_bits=128)).bob
    alice, bob = link.run()
    assert alice.report.sentence == bob.report.sentence
    assert "the two ends are set up differently" in alice.report.sentence


def test_pre_shared_keys_that_differ_give_no_key(small: Callable[..., SmallLink]) -> None:
    link = small()
    link.bob = small(pre_shared=bytes(512)).bob
    alice, bob = link.run()
    assert alice.fate is bob.fate is KeyFate.DISCARDED
    assert "the tag does not fit" in bob.report.sentence
    assert "as Bob reports" in alice.report.sentence
