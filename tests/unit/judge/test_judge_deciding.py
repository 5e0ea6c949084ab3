"""What the judge makes of honest blocks and of the mistakes that key pipelines are known for."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from hil.judge import VendorBlock, judge, judge_all
from hil.verdict import Outcome

if TYPE_CHECKING:
    from hil.judge import Judgement

# Catalogue lim2014-25km-1e+10: counts, leakage (f = 1.16) and length of Lim et al. 2014, PRA 89, 022307, on which PyPI
# qkd 0.2.0 and a second implementation agree to the bit.
KNOWN = VendorBlock(
    block="25 km",
    key_bits=17_645_404,
    duration_s=10.0,
    intensities=(0.5, 0.1, 2e-4),
    probabilities=(0.6, 0.3, 0.1),
    epsilon_secrecy=1e-9,
    epsilon_correctness=1e-15,
    key_counts=(79294567.91884798, 7982108.476865188, 6338.662160506381),
    key_errors=(1909006.7185603713, 193321.07365013668, 633.511717287907),
    test_counts=(978945.2829487401, 98544.54909710103, 78.2550884013133),
    test_errors=(23567.98417975766, 2386.6799216066247, 7.8211323121963785),
    disclosed_bits=16589087.289221657,
    pulse_rate_hz=1e9,
    loss_db=5.0,
)
# Catalogue lim2014-50km-1e+12, likewise.
LONGER = replace(
    KNOWN,
    block="50 km",
    key_bits=814_528_602,
    duration_s=1000.0,
    loss_db=10.0,
    key_counts=(2521496019.7796707, 252896642.99704313, 269567.62934872817),
    key_errors=(60901583.63446794, 6223589.683161717, 54593.99206208718),
    test_counts=(31129580.491107024, 3122180.7777412715, 3327.9954240583706),
    test_errors=(751871.4028946655, 76834.44053286065, 673.999902001076),
    disclosed_bits=529386329.3766653,
)
UNTOLD: dict[str, Any] = dict.fromkeys(
    ("intensities", "probabilities", "key_counts", "key_errors", "test_counts", "test_errors", "disclosed_bits")
)


def outcome(block: VendorBlock, **changes: Any) -> Outcome:
    return judge(replace(block, **changes)).outcome


@pytest.mark.parametrize("block", [KNOWN, LONGER], ids=lambda block: block.block)
def test_the_published_length_passes_and_a_bit_more_fails(block: VendorBlock) -> None:
    """The edge is where two other implementations have it."""
    found = judge(block)
    assert (found.outcome, found.allowed_bits) == (Outcome.PASS, block.key_bits)
    over = judge(replace(block, key_bits=block.key_bits + 1))
    assert over.outcome is Outcome.FAIL
    assert f"{block.key_bits + 1:,.0f} bits out, {block.key_bits:,.0f} allowed" in over.reason


class TestKnownMistakes:
    """What pipelines of peers were found to do is rejected."""

    @pytest.mark.parametrize("block", [KNOWN, LONGER], ids=lambda block: block.block)
    def test_leakage_that_is_never_subtracted(self, block: VendorBlock) -> None:
        """Told and not subtracted, told to be nothing, or not told at all: the key is longer than it may be."""
        assert block.disclosed_bits is not None
        greedy = replace(block, key_bits=block.key_bits + round(block.disclosed_bits))
        assert judge(greedy).outcome is Outcome.FAIL
        hidden = judge(replace(greedy, disclosed_bits=0))
        assert hidden.outcome is Outcome.FAIL
        assert "disclosed by its own word: 0 bits; correcting these errors takes" in hidden.reason
        assert outcome(greedy, disclosed_bits=None) is Outcome.FAIL

    def test_one_direction_of_the_correction_left_out(self) -> None:
        """The key subtracts Alice's parities alone, the counters have those of both."""
        assert outcome(KNOWN, disclosed_bits=2 * 16_589_087) is Outcome.FAIL

    def test_sampled_bits_kept_in_the_key(self) -> None:
        """A tenth of the key basis was disclosed to estimate errors, and is still counted for the key."""
        assert KNOWN.key_counts is not None
        assert KNOWN.test_counts is not None
        sifted = round(sum(KNOWN.key_counts) + sum(KNOWN.test_counts)) + 1
        kept = judge(replace(KNOWN, sifted_bits=sifted, sampled_bits=sifted // 10))
        assert kept.outcome is Outcome.FAIL
        assert "disclosed for testing" in kept.reason
        assert outcome(KNOWN, sifted_bits=sifted + sifted // 10, sampled_bits=sifted // 10) is Outcome.PASS

    def test_test_bits_kept_in_the_key(self) -> None:
        """The key counts hold those of the test basis too: more is counted than was sifted."""
        assert KNOWN.key_counts is not None
        assert KNOWN.test_counts is not None
        both = tuple(k + t for k, t in zip(KNOWN.key_counts, KNOWN.test_counts, strict=True))
        sifted = round(sum(both))
        assert outcome(KNOWN, key_counts=both, sifted_bits=sifted) is Outcome.FAIL
        assert outcome(KNOWN, key_counts=None, key_errors=None, sifted_bits=sifted, key_bits=sifted) is Outcome.FAIL

    @pytest.mark.parametrize("share", [0.0, 1e-6, 1e-4, 1e-3])
    def test_always_256_bits(self, share: float) -> None:
        """A block of a thousandth and less of the counts gives no key, so 256 bits are 256 too many."""
        changes = {
            name: tuple(round(share * n) for n in getattr(KNOWN, name))
            for name in ("key_counts", "key_errors", "test_counts", "test_errors")
        }
        few = replace(KNOWN, **changes, disclosed_bits=0, key_bits=256)
        assert judge(few).allowed_bits == 0
        assert judge(few).outcome is Outcome.FAIL
        assert outcome(few, key_bits=0) is Outcome.PASS

    def test_half_of_the_errors(self) -> None:
        """At a QBER of one half there is no key, and less than one per pulse is left to sift."""
        assert KNOWN.test_counts is not None
        assert outcome(KNOWN, test_errors=tuple(n / 2 for n in KNOWN.test_counts), key_bits=256) is Outcome.FAIL
        assert outcome(KNOWN, duration_s=0.05) is Outcome.FAIL


def test_vacuum_gives_no_key_where_the_error_pattern_is_given_away() -> None:
    """With a true vacuum decoy and dark counts the two accountings differ by the vacuum events."""
    assert LONGER.key_counts is not None
    dark = replace(
        LONGER, key_bits=1, intensities=(0.5, 0.1, 0.0), key_counts=(*LONGER.key_counts[:2], 5e6), key_errors=(6e7, 6e6, 2.5e6)
    )
    both, pattern = judge(dark), judge(replace(dark, accounting="error-pattern"))
    assert both.bound is not None
    assert pattern.outcome is Outcome.INCONCLUSIVE  # one direction's charge is unproven
    assert "unproven" in pattern.reason
    assert both.allowed_bits is not None
    assert both.bound.vacuum_events > 1e7
    assert pattern.allowed_bits == pytest.approx(both.allowed_bits - both.bound.vacuum_events, abs=1)


class TestWithoutCounters:
    """Only what no device gets around."""

    def bare(self, **told: Any) -> Judgement:
        return judge(replace(KNOWN, **{**UNTOLD, "sifted_bits": 10**8, **told}))

    def test_cannot_confirm(self) -> None:
        """Whatever is missing is named, and what it was held to."""
        found = self.bare(qber=0.024)
        assert found.outcome is Outcome.INCONCLUSIVE
        assert found.reason.startswith("cannot confirm without intensities, probabilities, key_counts")
        assert "repeaterless bound" in found.reason

    def test_repeaterless_bound(self) -> None:
        """At 3.0103 dB one bit a pulse (Pirandola et al. 2017): 10 s at 1 MHz carry ten million bits."""
        told = {"loss_db": 3.010299956639812, "pulse_rate_hz": 1e6, "sifted_bits": None}
        assert self.bare(key_bits=9_999_990, **told).outcome is Outcome.INCONCLUSIVE
        found = self.bare(key_bits=10_000_010, **{**told, "loss_db": 3.0103001})
        assert found.outcome is Outcome.FAIL
        assert "no repeaterless link carries more" in found.reason

    def test_sifted_bits(self) -> None:
        """No more key than sifted bits."""
        assert self.bare(sifted_bits=17_645_403).outcome is Outcome.FAIL
        assert self.bare(sifted_bits=17_645_404).outcome is Outcome.INCONCLUSIVE

    def test_qber_threshold(self) -> None:
        """11 % is the limit of Shor and Preskill 2000."""
        assert self.bare(qber=0.1101).outcome is Outcome.FAIL
        assert self.bare(qber=0.1099).outcome is Outcome.INCONCLUSIVE
        assert self.bare(qber=0.2, key_bits=0).outcome is Outcome.SKIPPED

    def test_nothing_told(self) -> None:
        """Key and duration alone confirm nothing."""
        assert judge(VendorBlock("1", 256, 1.0)).outcome is Outcome.INCONCLUSIVE

    @pytest.mark.parametrize("name", [name for name in UNTOLD if name not in {"intensities", "probabilities"}])
    def test_one_counter_left_out(self, name: str) -> None:
        """Leaving one out never turns a key that fails into one that passes."""
        assert outcome(KNOWN, **{name: None}) is Outcome.INCONCLUSIVE
        assert outcome(KNOWN, **{name: None}, key_bits=2 * 10**8, sifted_bits=10**8) is Outcome.FAIL


# Catalogue onedecoy-50km-1e+11: counts by its formulas, leakage (f = 1.16) and length of the code that the authors of
# arXiv:2405.16578 published, which a second implementation gives to all digits.
def _one_decoy() -> VendorBlock:
    eta, dark = 0.1, 200.0 / 625e6
    clicks = [n * (1.0 - math.exp(-mu * eta) * (1.0 - dark)) for mu, n in ((0.5, 0.9e11), (0.15, 0.1e11))]
    wrong = [n * (0.02 * (1.0 - math.exp(-mu * eta)) + dark / 2.0) for mu, n in ((0.5, 0.9e11), (0.15, 0.1e11))]
    key, key_errors, test, test_errors = (tuple(s * n for n in part) for s in (0.81, 0.01) for part in (clicks, wrong))
    return VendorBlock(
        block="one decoy",
        key_bits=917_308_023,
        duration_s=160.0,
        intensities=(0.5, 0.15),
        probabilities=(0.9, 0.1),
        epsilon_secrecy=1e-12,
        epsilon_correctness=1e-12,
        key_counts=key,
        key_errors=key_errors,
        test_counts=test,
        test_errors=test_errors,
        disclosed_bits=603205137.5757422,
        pulse_rate_hz=625e6,
        loss_db=10.0,
    )


ONE_DECOY = _one_decoy()
# n (1 - h(Q + mu)) - leak - log2(2 / (eps_sec^2 eps_cor)) (Tomamichel et al. 2012), worked out by hand for 10^6 key bits, as
# many test bits, 20,000 errors: mu = sqrt(2e6 * 1000001 * ln(4e9) / 1e18) = 0.00664975, h(0.02664975) = 0.1773016, price 110.6.
PAIRS = VendorBlock(
    block="pairs",
    key_bits=622_587,
    duration_s=100.0,
    protocol="bbm92",
    epsilon_secrecy=1e-9,
    epsilon_correctness=1e-15,
    key_counts=(1_000_000,),
    key_errors=(20_000,),
    test_counts=(1_000_000,),
    test_errors=(20_000,),
    disclosed_bits=200_000,
)


class TestOtherProofs:
    """One decoy and pairs have bounds of their own."""

    def test_one_decoy(self) -> None:
        found = judge(ONE_DECOY)
        assert (found.outcome, found.allowed_bits) == (Outcome.PASS, ONE_DECOY.key_bits)
        assert outcome(ONE_DECOY, key_bits=ONE_DECOY.key_bits + 1) is Outcome.FAIL
        assert found.bound is not None
        assert found.bound.proof.startswith("one decoy")

    def test_one_decoy_takes_the_errors_of_the_key_basis(self) -> None:
        """Without them its vacuum is not bounded, and nothing is confirmed."""
        assert outcome(ONE_DECOY, key_errors=None) is Outcome.INCONCLUSIVE

    def test_pairs(self) -> None:
        found = judge(PAIRS)
        assert found.outcome is Outcome.PASS
        assert found.allowed_bits == pytest.approx(PAIRS.key_bits, abs=20)  # as far as six digits go
        assert outcome(PAIRS, key_bits=PAIRS.key_bits + 40) is Outcome.FAIL

    @pytest.mark.parametrize("block", [ONE_DECOY, PAIRS], ids=lambda block: block.block)
    def test_known_mistakes_of_theirs(self, block: VendorBlock) -> None:
        """Leakage never subtracted, and 256 bits out of a block of a hundred-thousandth of the counts."""
        assert block.disclosed_bits is not None
        assert outcome(block, key_bits=block.key_bits + round(block.disclosed_bits), disclosed_bits=0) is Outcome.FAIL
        names = ("key_counts", "key_errors", "test_counts", "test_errors")
        few = {name: tuple(round(1e-5 * n) for n in getattr(block, name)) for name in names}
        assert outcome(block, **few, disclosed_bits=0, key_bits=256) is Outcome.FAIL


class TestHiding:
    """What a file could be made to hide is found."""

    def test_decoys_that_click_too_much(self) -> None:
        """Twice the weak decoy's clicks would show twice the single photons; no channel lets the signal through so little."""
        assert KNOWN.key_counts is not None
        strong, weak, vacuum = KNOWN.key_counts
        found = judge(replace(KNOWN, key_counts=(strong, 8.0 * weak, vacuum), key_bits=30_000_000))
        assert found.outcome is Outcome.FAIL
        assert "key_counts of a weaker intensity too high for the stronger ones" in found.reason
        fewer = judge(replace(KNOWN, key_counts=(strong, 2.0 * weak, vacuum), key_bits=30_000_000))
        assert fewer.outcome is Outcome.FAIL
        assert "the counters are false" in fewer.reason
        assert outcome(KNOWN, test_counts=(978945.0, 98545.0, 2e6), test_errors=(23568.0, 2387.0, 8.0)) is Outcome.FAIL

    def test_a_promise_that_is_none(self) -> None:
        """Secrecy of 0.9 makes the key longer than its buyer may take."""
        loose = replace(KNOWN, epsilon_secrecy=0.9)
        more = judge(loose).allowed_bits
        assert more is not None
        assert more > KNOWN.key_bits
        assert outcome(loose, key_bits=more) is Outcome.PASS
        assert judge(replace(loose, key_bits=more), epsilon_secrecy=1e-9).outcome is Outcome.FAIL
        assert judge(KNOWN, epsilon_secrecy=1e-6).allowed_bits == KNOWN.key_bits  # it promises more than asked

    def test_a_block_told_twice(self) -> None:
        """Under another name and at another time; a block that shares no more than its length is no copy."""
        first, copy = replace(KNOWN, start_s=0.0), replace(KNOWN, block="again", start_s=10.0)
        outcomes = [each.outcome for each in judge_all((first, LONGER, copy))]
        assert outcomes == [Outcome.PASS, Outcome.PASS, Outcome.FAIL]
        assert "every counter of block 25 km" in judge_all((first, copy))[1].reason

    def test_blocks_that_share_their_time(self) -> None:
        """The second begins a second before the first ends; the third, inside the first, too; one that follows does not."""
        blocks = [
            replace(LONGER, block="a", start_s=0.0),
            replace(KNOWN, block="b", start_s=999.0),
            replace(KNOWN, block="c", start_s=500.0, key_bits=17_645_000),
            replace(KNOWN, block="d", start_s=1009.0, key_bits=17_644_000),
        ]
        found = {each.block: each for each in judge_all(blocks)}
        assert [found[name].outcome for name in "abcd"] == [Outcome.PASS, Outcome.FAIL, Outcome.FAIL, Outcome.PASS]
        assert "begins 1 s before block a ends: its pulses are counted twice" in found["b"].reason
