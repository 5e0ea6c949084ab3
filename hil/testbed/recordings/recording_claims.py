"""What a recording of photon pairs shows, in words, and which claims it cannot support."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hil.physics.entropy import binary_entropy
from hil.statistics.binomial import clopper_pearson

if TYPE_CHECKING:
    from hil.pipeline.bell import Chsh
    from hil.testbed.recordings.recording_analysis import RecordingAnalysis

__all__ = [
    "claims_not_supported",
    "count_words",
    "findings",
    "rate_words",
    "sentences",
    "setting_name",
    "tick_words",
    "time_words",
]

_CONFIDENCE = 0.95
_SECRECY = 1e-9


def sentences(seen: RecordingAnalysis) -> tuple[str, ...]:
    """What was found, then which claims it cannot support."""
    return findings(seen) + claims_not_supported(seen)


def findings(seen: RecordingAnalysis) -> tuple[str, ...]:
    """What the recording shows."""
    hers, his = sum(seen.singles_alice), sum(seen.singles_bob)
    said = [
        f"{hers + his:,} events in {time_words(seen.duration_s)}: {hers:,} of Alice, {his:,} of Bob.",
        _clock(seen),
        _pairs(seen),
        _errors(seen),
    ]
    if (found := seen.chsh) is not None:
        said.append(_chsh(seen, found))
    if (done := seen.exchanged) is not None:
        said.append(
            f"Corrected and verified by two parties: {done.sentence}. {done.disclosed_bits} bits were disclosed on the way."
        )
    return tuple(said)


def claims_not_supported(seen: RecordingAnalysis) -> tuple[str, ...]:
    """Which claims a recording of this size cannot support, and why."""
    one, length = seen.one_setting, time_words(seen.duration_s)
    said = (
        (_NO_KEY_IN_ONE_SETTING if one else _NO_KEY) + (_ONLY_EQUAL if seen.exchanged is not None else ""),
        _too_small(seen),
        _not_two_bases(seen) if one and len(seen.channels.common) > 1 else "",
        f"The QBER is that of this one setting, over {length}; a limit that it meets is met for this setting only."
        if one
        else f"The QBER is that of {length}.",
        _entanglement(seen, one=one),
        f"It supports no claim of a key rate, of availability or of drift: {length} are one block.",
    )
    return tuple(sentence for sentence in said if sentence)


_NO_KEY_IN_ONE_SETTING = (
    "It supports no claim of a secret key: nothing was measured in a complementary basis, whose errors alone bound what an "
    "eavesdropper may know."
)
_NO_KEY = (
    "It supports no claim of a secret key: it does not tell how the settings were chosen, nor that they are complementary "
    "bases."
)
_ONLY_EQUAL = " The corrected bits are equal, not secret."
_NO_FIDELITY_IN_ONE_SETTING = (
    "It supports no claim of entanglement or its fidelity: a classical mixture of the correlated results gives the same "
    "table. A fidelity takes a second, complementary setting, a CHSH value four pairs of settings."
)
_NO_FIDELITY = (
    "It supports no claim of entanglement or its fidelity, as it does not tell what the settings were; a CHSH value takes "
    "four pairs of them, each with its analyser's angle."
)
_NO_LOOPHOLE_CLOSED = (
    "Its S rests on the angles as they were declared and on fair sampling: most photons were lost, and a recording does not "
    "tell whether settings were chosen at random. So it supports no device-independent claim, and no fidelity."
)


def _entanglement(seen: RecordingAnalysis, *, one: bool) -> str:
    if seen.chsh is not None:
        return _NO_LOOPHOLE_CLOSED
    return _NO_FIDELITY_IN_ONE_SETTING if one else _NO_FIDELITY


def time_words(seconds: float, *, sign: bool = False) -> str:
    """A time with the unit that suits it."""
    size = abs(seconds)
    for unit, factor in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9)):
        if size >= factor:
            return f"{seconds / factor:{'+' if sign else ''}.4g} {unit}"
    return f"{1e12 * seconds:{'+' if sign else ''}.4g} ps"


def tick_words(ticks: float) -> str:
    """A number of ticks with its sign; a half where there is one."""
    return f"{ticks:+,.1f}".removesuffix(".0")


def count_words(number: float) -> str:
    """An expected count or a ratio: whole from a hundred on, three digits below."""
    return f"{number:,.0f}" if number >= 100.0 else f"{number:.3g}"


def rate_words(seen: RecordingAnalysis) -> str:
    """The fitted rate with its standard error, in as many decimals as the error has two digits."""
    error = seen.rate_error_ppm
    decimals = min(9, max(4, 1 - math.floor(math.log10(error)))) if 0.0 < error < math.inf else 4
    return f"{seen.measured_rate_ppm:+.{decimals}f} ± {error:.{decimals}f} ppm"


def setting_name(seen: RecordingAnalysis, number: int) -> str:
    """A common setting as a person knows it: by its declared name, or by its channels."""
    if seen.channels.declared:
        return f"setting {seen.channels.common[number]}"
    return f"channels {2 * number} and {2 * number + 1}"


def _clock(seen: RecordingAnalysis) -> str:
    tick_ps = 1e12 * seen.tick_s
    fitted = f"{rate_words(seen)} fitted"
    wander = seen.clock.wander_ticks
    wandered = f", wandering by {time_words(wander * seen.tick_s)} about that, which was followed" if wander else ""
    return (
        f"The correlation peaks where Bob's time is Alice's {tick_words(seen.delay_ticks)} ticks of {tick_ps:g} ps; his "
        f"clock runs {seen.rate_ppm:+g} ppm against hers ({fitted}){wandered}. The peak is "
        f"{time_words(seen.fwhm_ticks * seen.tick_s)} wide at half its height, its standard deviation "
        f"{seen.jitter_ticks:.3g} ticks; it stands {seen.significance:.0f} standard deviations of the background above it."
    )


def _pairs(seen: RecordingAnalysis) -> str:
    low, high = seen.window_ticks
    chance, error = seen.accidentals
    ratio = f"coincidences to accidentals {count_words(seen.ratio)}" if chance else "no accidental was counted"
    return (
        f"{seen.pairs:,} pairs lie within the window of {tick_words(low)} to {tick_words(high)} ticks; shifted windows hold "
        f"{count_words(chance)} ± {error:.2g} by chance: {ratio}."
    )


def _errors(seen: RecordingAnalysis) -> str:
    errors, bits = seen.sifted
    if not bits:
        return "No pair was measured in a common setting, so there are no sifted bits and no QBER."
    interval = clopper_pearson(errors, bits, _CONFIDENCE)
    groups = " and ".join(
        f"{wrong} in {pairs:,} of {setting_name(seen, number)}" for number, (wrong, pairs) in enumerate(seen.groups)
    )
    over_all = f" Over all pairs {seen.all_pairs[0]:,} in {seen.all_pairs[1]:,}." if seen.one_setting else ""
    opposite = " Most results are opposite: give one party's bits the other way round." if 2 * errors > bits else ""
    return (
        f"Errors: {groups}; {errors} in {bits:,} sifted bits is a QBER of {100 * interval.estimate:.2g} %, at most "
        f"{100 * interval.high:.2g} % (Clopper-Pearson, 95 %).{over_all}{opposite}"
    )


def _chsh(seen: RecordingAnalysis, found: Chsh) -> str:
    hers = " and ".join(seen.channels.settings_a[number] for number in found.settings_a)
    his = " and ".join(seen.channels.settings_b[number] for number in found.settings_b)
    beyond = found.beyond_local
    said = f"{beyond:.1f} standard errors beyond" if beyond > 0 else f"{-beyond:.1f} standard errors short of"
    return (
        f"CHSH: S = {found.value:.3f} ± {found.error:.3f} with Alice's settings {hers} and Bob's {his}, {said} the 2 that "
        f"local hidden variables reach; accidental pairs are not taken off."
    )


def _too_small(seen: RecordingAnalysis) -> str:
    """Whether the size alone would rule a key out, were the second setting a complementary basis."""
    if len(seen.groups) != 2 or seen.exchanged is None:
        return ""
    (_, key_bits), (test_errors, test_bits) = seen.groups
    if not key_bits or not test_bits:
        return ""
    deviation = _sampling_deviation(key_bits, test_bits)
    phase = min(0.5, test_errors / test_bits + deviation)
    left = key_bits * (1.0 - binary_entropy(phase)) - seen.exchanged.disclosed_bits - math.log2(2.0 / _SECRECY**2)
    if left > 0:
        return ""
    return (
        f"Its size rules a key out too: were {setting_name(seen, 1)} that basis, {test_bits:,} bits would leave its error rate "
        f"uncertain by {deviation:.2g} at a secrecy of {_SECRECY:g}, and of {key_bits:,} bits nothing would be left."
    )


def _sampling_deviation(key_bits: int, test_bits: int) -> float:
    """How much more errors the key bits may have than the test bits showed.

    Source: M. Tomamichel, C. C. W. Lim, N. Gisin, R. Renner, Nature Communications 3, 634 (2012): mu of the key length.
    """
    n, k = key_bits, test_bits
    return math.sqrt((n + k) / (n * k) * (k + 1) / k * math.log(4.0 / _SECRECY))


def _not_two_bases(seen: RecordingAnalysis) -> str:
    """Two bases chosen passively at each end would give pairs across the settings, as many as independent choices make."""
    total = seen.all_pairs[1]
    names = ", ".join(seen.channels.common) if seen.channels.declared else "0, 1 and 2, 3"
    return (
        f"The {'settings' if seen.channels.declared else 'channel groups'} {names} are not bases chosen at random: "
        f"{total - seen.sifted[1]:,} of {total:,} pairs join them, where a passive choice at each end would give about "
        f"{seen.across_by_choice:.0f}. So the file shows one setting."
    )
