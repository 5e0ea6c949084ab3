"""Whoever sits on the channel: never two different keys, nothing after a changed message, and both sides end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hil.pipeline.messages import Amplify, Corrected, Detections, Header, Hello, Message, TestErrors, decode, encode
from hil.pipeline.settings import KeyFate
from hil.pipeline.stepping import run_pair

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hil.pipeline.party import Party
    from hil.pipeline.settings import BlockResult
    from hil.pipeline.stepping import Message as OnTheWay
    from tests.unit.pipeline.conftest import SmallLink

EVENTS = 12_000


def flip(data: bytes, place: float) -> tuple[bytes, ...]:
    """One bit turned over."""
    at = int(place * len(data))
    return (data[:at] + bytes([data[at] ^ 0x40]) + data[at + 1 :],)


def reflect(data: bytes, place: float) -> tuple[bytes, ...]:
    """Its sender's own message comes as if the other side had said it; the message itself arrives or not."""
    header, body = decode(data)
    turned = encode(Header("a" if header.sender == "b" else "b", header.number, header.block), body)
    return (turned,) if place < 0.5 else (data, turned)


STRIKES: dict[str, Callable[[bytes, float], tuple[bytes, ...]]] = {
    "drop": lambda _, __: (),
    "delay": lambda _, __: (),
    "flip": flip,
    "cut short": lambda data, place: (data[: int(place * len(data))],),
    "replay": lambda data, _: (data, data),
    "reflect": reflect,
    "other words": lambda _, place: (bytes([int(place * 255)]) * 40,),
}
CHANGES = {"flip", "cut short", "other words"}


class Attack:
    """Does one thing to one message (numbered over both directions), and lets the rest through."""

    def __init__(self, action: str, number: int, place: float = 0.5) -> None:
        self._action, self._number, self._place = action, number, place
        self._seen = 0
        self._held: tuple[bytes, ...] = ()
        self.struck = False

    def __call__(self, message: OnTheWay) -> Iterable[bytes]:
        number, self._seen = self._seen, self._seen + 1
        if number != self._number:
            held, self._held = self._held, ()
            return (message.data, *held)
        self.struck = True
        if self._action == "delay":
            self._held = (message.data,)
        return STRIKES[self._action](message.data, self._place)


def keys_of(result: BlockResult) -> dict[str, bytes]:
    settled = keys_of(result.settled) if result.settled is not None else {}
    return settled | {key_id: key.reveal() for key_id, key in result.keys}


def agree(*results: tuple[BlockResult, BlockResult]) -> bool:
    """Whether every key ID that both released names the same key."""
    alice: dict[str, bytes] = {}
    bob: dict[str, bytes] = {}
    for mine, theirs in results:
        alice |= keys_of(mine)
        bob |= keys_of(theirs)
    return all(alice[key_id] == bob[key_id] for key_id in alice.keys() & bob.keys())


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(STRIKES)), st.integers(0, 130), st.floats(0.0, 0.999))
@example("drop", 0, 0.0)
@example("flip", 0, 0.5)
@example("flip", 1, 0.9)
@example("flip", 2, 0.999)
@example("flip", 3, 0.3)
@example("flip", 4, 0.99)
def test_one_strike_at_any_message(small: Callable[..., SmallLink], action: str, number: int, place: float) -> None:
    """A released key after a changed message would be one too many; the next, clean block goes through and settles all."""
    link = small()
    attack = Attack(action, number, place)
    first = link.run(attack, events=EVENTS)
    second = link.run(events=EVENTS)
    assert agree(first, second)
    if first[1].fate is KeyFate.RELEASED:
        assert first[0].fate is KeyFate.RELEASED
        assert not attack.struck or action not in CHANGES | {"drop"}
    if attack.struck and action in CHANGES and first[0].fate is KeyFate.RELEASED:
        # Bob alone missed Alice's last word
        assert first[1].fate is KeyFate.IN_DOUBT
        assert second[1].settled is not None
    assert second[0].fate is second[1].fate is KeyFate.RELEASED
    assert keys_of(first[0]) | keys_of(second[0]) == keys_of(first[1]) | keys_of(second[1])
    assert link.alice.pool.position == link.bob.pool.position


def messages_of_a_block(link: SmallLink) -> int:
    count = 0

    def intercept(message: OnTheWay) -> Iterable[bytes]:
        nonlocal count
        count += 1
        return (message.data,)

    link.run(intercept, events=EVENTS)
    return count


@pytest.mark.parametrize("action", ["drop", "flip"])
def test_each_message_of_a_block_matters(small: Callable[..., SmallLink], action: str) -> None:
    """Not one of them can be lost or changed with both sides releasing the block all the same."""
    total = messages_of_a_block(small())
    assert total > 30
    for number in range(total):
        alice, bob = small().run(Attack(action, number, 0.7), events=EVENTS)
        assert bob.fate is not KeyFate.RELEASED
        assert alice.fate is KeyFate.DISCARDED or number == total - 1
        assert bob.keys == ()


def changed(message: Message, **parts: object) -> Message:
    fields = {name: getattr(message, name) for name in message.__struct_fields__}
    return type(message)(**(fields | parts))


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        (TestErrors, {"errors": (0, 0, 0)}),
        (Corrected, {"errors": (1, 1, 1)}),
        (Hello, {"only_in_fault": False, "keys": (0, 9, 0, 9)}),
        (Amplify, {"length": 700, "to_pool": (0, 0)}),
        (Amplify, {"seed": b""}),
        (Amplify, {"check": bytes(16)}),
        (Detections, {"lost": 5}),
        (Detections, {"clicks": -5}),
        (Detections, {"events": 1 << 40}),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_plausible_words_of_somebody_else_give_no_key(
    small: Callable[..., SmallLink], kind: type, change: dict[str, object]
) -> None:
    """Well-formed, in order, of the right block: only the tag tells. Alice's word after a lost block says so in the end."""
    link = small()

    def forge(message: OnTheWay) -> Iterable[bytes]:
        header, body = decode(message.data)
        return (encode(header, changed(body, **change)) if isinstance(body, kind) else message.data,)

    alice, bob = link.run(forge)
    assert alice.fate is KeyFate.DISCARDED
    assert bob.fate in {KeyFate.DISCARDED, KeyFate.IN_DOUBT}
    assert not bob.keys
    assert alice.report.sentence.startswith("no key: ")
    alice, bob = link.run()
    assert alice.fate is bob.fate is KeyFate.RELEASED
    assert bob.settled is None or bob.settled.fate is KeyFate.DISCARDED


@pytest.mark.parametrize(("ahead", "said"), [(0, ""), (1, "a pulse that was not sent in this block")])
def test_alice_tells_nothing_of_a_pulse_still_to_come(small: Callable[..., SmallLink], ahead: int, said: str) -> None:
    """Her count ends with the last pulse that clicked, or one before it: its settings are nobody's business yet."""
    link = small()
    _, records = link.raw(20_000)
    asked: list[int] = []
    context = link.next_block(pulses=(0, int(records.index[-1]) + 1 - ahead))
    prepare, records = link.raw(20_000)

    def noted(index: Any) -> Any:
        asked.extend(index.tolist())
        return prepare(index)

    alice, bob = run_pair(link.alice.block(context, noted), link.bob.block(context, records))
    assert (alice.fate is bob.fate is KeyFate.RELEASED) == (not ahead)
    assert said in alice.report.sentence
    assert bool(asked) == (not ahead)


def test_alice_tells_nothing_of_pulses_long_before_the_block(small: Callable[..., SmallLink]) -> None:
    """12 ms may be on the way when the block begins: at 1 GHz 12 million pulses, the first click being in number 1000."""
    for first, gives_key in ((12_001_000, True), (12_001_001, False)):
        link = small()
        alice, _ = link.run(events=20_000, pulses=(first, first + 1_000_000_000))
        assert (alice.fate is KeyFate.RELEASED) == gives_key


def test_a_key_that_differs_at_verification_is_not_released(
    small: Callable[..., SmallLink], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Correction that leaves one bit wrong: the verification hash finds it, at both ends in words."""
    from hil.pipeline.reconciliation import cascade

    honest = cascade.correct

    def careless(*about: Any) -> Party[Any]:
        bits, disclosed = yield from honest(*about)
        bits[7] ^= 1
        return bits, disclosed

    monkeypatch.setattr(cascade, "correct", careless)
    link = small()
    alice, bob = link.run()
    assert alice.fate is bob.fate is KeyFate.DISCARDED
    assert bob.report.sentence == "no key: the two keys differed after error correction (verification hash)"
    assert alice.report.sentence == "no key: the two keys differed after error correction (verification hash) (as Bob reports)"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=60), max_size=8))
def test_any_bytes_from_the_peer_end_in_a_sentence(small: Callable[..., SmallLink], noise: list[bytes]) -> None:
    """Never a traceback, at either side."""
    left = list(noise)
    alice, bob = small().run(lambda _: (left.pop(),) if left else (), events=100)
    assert alice.fate is bob.fate is KeyFate.DISCARDED
    assert alice.report.sentence.startswith("no key: ")


def test_old_messages_are_passed_over(small: Callable[..., SmallLink]) -> None:
    """All of the last block arrives again within the next one, before the real messages: it goes through all the same."""
    link = small()
    old: dict[str, list[bytes]] = {"a->b": [], "b->a": []}

    def keep(message: OnTheWay) -> Iterable[bytes]:
        old[message.direction].append(message.data)
        return (message.data,)

    link.run(keep, events=EVENTS)

    def flood(message: OnTheWay) -> Iterable[bytes]:
        past, old[message.direction] = old[message.direction], []
        return (*past, message.data)

    alice, bob = link.run(flood, events=EVENTS)
    assert alice.fate is bob.fate is KeyFate.RELEASED
    assert alice.keys == bob.keys
