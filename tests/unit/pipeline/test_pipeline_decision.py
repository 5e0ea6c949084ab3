"""What a block may give, and the words when it gives none: random books never allow more than the yardstick."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.physics.decoy_key import Conditions, IntensityCounts, decoy_key_bits, decoy_proof
from hil.pipeline.account import Account
from hil.pipeline.decision import allow_correction, allow_release
from hil.pipeline.messages import Detections
from hil.pipeline.proof import proof_of
from hil.pipeline.reasons import NoKeyError
from hil.pipeline.reconciliation.cascade import Disclosed
from hil.pipeline.settings import BlockContext, DistillSettings
from hil.ports.detections import DetectorRole, ReceiverDeclaration, SourceDeclaration

if TYPE_CHECKING:
    from collections.abc import Callable

TWO = SourceDeclaration(1e9, (0.55, 0.25, 2e-4), (0.4, 0.4, 0.2), 0.83)
ONE = SourceDeclaration(1e9, (0.55, 0.2), (0.7, 0.3), 0.83)
RECEIVER = ReceiverDeclaration((DetectorRole("z0", 0, 0),), "active", 50e-9)
SECOND = BlockContext(0, 0.0, 1.0, 1.0)


def announced(events: int) -> Detections:
    return Detections(events, 0, 0, 0, 0, 0, events, 1, b"", b"")


def books(settings_of: DistillSettings, **numbers: Any) -> Account:
    account = Account(settings_of, SECOND, announced=announced(10**8))
    for name, value in numbers.items():
        setattr(account, name, value)
    return account


def settings_with(source: SourceDeclaration, **more: Any) -> DistillSettings:
    return DistillSettings("link", source, RECEIVER, **more)


COUNTS = st.lists(st.integers(0, 3_000_000), min_size=3, max_size=3)
RATIO = st.floats(0.0, 0.079)


@settings(max_examples=150, deadline=None)
@given(
    COUNTS,
    COUNTS,
    st.tuples(RATIO, RATIO),
    st.tuples(st.integers(0, 2_000_000), st.integers(0, 2_000_000)),
    st.sampled_from([(source, bounds) for source in (TWO, ONE) for bounds in ("published", "exact")]),
    st.sampled_from(["both-directions", "error-pattern"]),
    st.integers(0, 10),
)
def test_bits_out_never_exceed_bits_allowed(  # noqa: PLR0917
    key: list[int],
    test: list[int],
    ratios: tuple[float, float],
    told: tuple[int, int],
    proof: tuple[SourceDeclaration, Any],
    leakage: Any,
    greed: int,
) -> None:
    """Whatever was counted and told: no more than the yardstick, than the sifted bits; a bit more does not add up."""
    source, bounds = proof
    n = len(source.intensities)
    account = books(
        settings_with(source, bounds=bounds, leakage=leakage),
        key=tuple(key[:n]),
        test=tuple(test[:n]),
        test_errors=tuple(int(ratios[0] * each) for each in test[:n]),
        key_errors=tuple(int(ratios[1] * each) for each in key[:n]),
        disclosed=Disclosed(*told),
    )
    if not sum(key[:n]) or not sum(test[:n]):
        return
    try:
        allowed = allow_release(account, proof_of(account.settings))
    except NoKeyError:
        return
    charged = told[0] + 128
    if leakage == "both-directions":
        charged += told[1] + sum(each.bit_length() for each in key[:n])
    assert account.disclosed_bits == charged
    counts = IntensityCounts(account.key, account.key_errors or (), account.test, account.test_errors)
    ours = decoy_proof(source.intensities, source.probabilities, 1e-9, 1e-15)
    both = leakage == "both-directions"
    bound = decoy_key_bits(counts, ours, charged, credit_vacuum=both, conditions=Conditions(bounds == "exact"))
    assert 0 < allowed <= min(bound + 1, sum(key[:n]))
    account.secret_bits = allowed + greed
    assert account.adds_up() == (greed == 0)


def _ended(account: Account, *, only_in_fault: bool = False) -> str:
    with pytest.raises(NoKeyError) as end:
        allow_correction(account, proof_of(account.settings), only_in_fault=only_in_fault)
    return str(end.value)


FULL: dict[str, Any] = {"key": (1_300_590, 595_810, 3_810), "test": (54_310, 25_100, 170), "test_errors": (630, 330, 80)}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"announced": announced(0)}, "no detections at all in this block of 1 s"),
        ({"key": (0, 0, 0)}, "sifting left no bit in the key basis"),
        ({"test": (0, 0, 0), "test_errors": (0, 0, 0)}, "sifting left no bit in the test basis"),
        ({"test_errors": (8_000, 4_000, 80)}, "QBER of the test basis 15.2 % is above the limit of 8 %"),
        ({"key": (13_000, 5_958, 38), "test": (543, 251, 2), "test_errors": (6, 3, 1)}, "at these rates it takes about"),
        ({"test": (54_310, 25_100, 17_000), "test_errors": (630, 330, 4_500)}, "no block gives key, however long"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_why_a_block_is_not_corrected(changes: dict[str, Any], words: str) -> None:
    account = books(settings_with(TWO), **FULL)
    allow_correction(account, proof_of(account.settings), only_in_fault=False)
    assert words in _ended(books(settings_with(TWO), **{**FULL, **changes}))


@pytest.mark.parametrize(
    "changes",
    [
        {"announced": announced(0)},
        {"test": (0, 0, 0), "test_errors": (0, 0, 0)},
        {"test_errors": (8_000, 4_000, 80)},
        {"key": (13_000, 5_958, 38), "test": (543, 251, 2), "test_errors": (6, 3, 1)},
    ],
)
def test_what_the_parties_refuse_themselves_is_not_barred(changes: dict[str, Any]) -> None:
    """Measured under a fault, they say the same as without one: so the refusal is theirs, and shows what the link does."""
    plain = _ended(books(settings_with(TWO), **{**FULL, **changes}))
    refused = books(settings_with(TWO), **{**FULL, **changes})
    assert _ended(refused, only_in_fault=True) == plain
    assert not refused.barred


def test_a_source_and_a_fault_are_named() -> None:
    constant = books(settings_with(replace(TWO, phase="constant")), **FULL)
    assert (
        _ended(constant)
        == "no proof covers this source: the proof takes pulses of random phase; the source declares a constant one"
    )
    faulty = books(settings_with(TWO), **FULL, context=replace(SECOND, faults=("fiber-cut",)))
    assert _ended(faulty, only_in_fault=True) == "every detection of this block was made while fiber-cut was in"
    assert faulty.barred
    dark = books(settings_with(TWO), announced=announced(0), context=replace(SECOND, faults=("fiber-cut",)))
    assert "(fiber-cut was in)" in _ended(dark)


@pytest.mark.parametrize(
    ("source", "changes", "words"),
    [
        (TWO, {"key_errors": (120_000, 60_000, 1_000)}, "QBER of the key basis 9.53 % is above the limit of 8 %"),
        (
            TWO,
            {"key_errors": (15_900, 7_500, 800), "disclosed": Disclosed(900_000, 900_000)},
            "no block gives key, however long",
        ),
        (ONE, {"key_errors": (150_000, 25_000), "disclosed": Disclosed(350_000, 350_000)}, "and of 6.65 % in the key basis"),
    ],
    ids=["key basis", "disclosed too much", "vacuum"],
)
def test_why_a_corrected_block_gives_none(source: SourceDeclaration, changes: dict[str, Any], words: str) -> None:
    counts: dict[str, Any] = FULL
    if source is ONE:
        counts = {"key": (2_276_000, 357_000), "test": (95_000, 15_000), "test_errors": (1_150, 200)}
    account = books(settings_with(source), **{**counts, **changes})
    if source is ONE:  # as many errors as the test basis has leave a key of the same block
        fewer = books(settings_with(source), **{**counts, **changes, "key_errors": (27_700, 4_600)})
        assert allow_release(fewer, proof_of(fewer.settings)) > 100_000
    with pytest.raises(NoKeyError) as end:
        allow_release(account, proof_of(account.settings))
    assert words in str(end.value)
    assert account.allowed_bits == 0


def test_the_named_length_of_a_block_gives_key(small: Callable[..., Any]) -> None:
    """A block twice as long as a short one says gives key; so short ones disclose more than is expected of them."""
    for bounds, events in (("published", 6_000), ("exact", 2_500)):
        link = small(settings=replace(small().settings, bounds=bounds))
        short = link.run(events=events)[0].report
        assert not short.released
        seconds = float(short.sentence.rpartition("takes about ")[2].removesuffix(" s"))
        longer = link.run(events=round(2.0 * events * seconds))[0].report
        assert longer.released, longer.sentence
