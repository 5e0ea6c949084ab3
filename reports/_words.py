"""What every report says of a run in the same words: its headline, its order of verdicts, what did not pass."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from hil.verdict import WRONG_USE, Outcome, exit_code

from ._numbers import count

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hil.record.model import Record, TestEntry, VerdictEntry

__all__ = [
    "case_name",
    "clean",
    "headline",
    "kind_of_bench",
    "looked",
    "markdown_line",
    "observed",
    "ordered",
    "outcome_word",
    "plural",
    "rules",
    "tally",
    "title_of",
    "unresolved_tests",
    "unresolved_verdicts",
]

_FIRST = ("link_availability", "key_rate", "contract_key_rate", "qber", "photon_counts", "dark_counts", "entanglement_fidelity")

_WRONG_USE = exit_code((), wrong_use=True)
_ESCAPED = str.maketrans(
    {character: f"\\{character}" for character in "\\`*_[]#|~"}
    | {"<": "&lt;", ">": "&gt;", "&": "&amp;", "@": "@\N{ZERO WIDTH SPACE}"}  # nobody is mentioned by a device's reply
)


def plural(number: int, word: str) -> str:
    """1 test, 2 tests."""
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def clean(text: str) -> str:
    """Text without the control characters that a terminal would obey and XML refuses; line ends and tabs stay."""
    return "".join(letter if letter.isprintable() or letter in "\n\t" else "\N{REPLACEMENT CHARACTER}" for letter in text)


def markdown_line(said: str) -> str:
    """Plain text as one line of Markdown that stays plain: no markup, no mention, no table cell."""
    return " ".join(clean(said).split()).translate(_ESCAPED)


def kind_of_bench(record: Record) -> str:
    """``simulated``, ``real``, ``mixed``, ``replayed`` or ``rehearsed``, from what each device is, or else from the run."""
    if "rehearsal" in record.labels:
        return "rehearsed"
    if any(device.replayed for device in record.devices):
        return "replayed"
    kinds = {device.simulated for device in record.devices}
    if not kinds and (said := record.labels.get("bench kind")):  # no device was ever opened
        return said
    kinds = kinds or {record.simulated}
    return "mixed" if len(kinds) == 2 else "simulated" if True in kinds else "real"


def observed(verdict: VerdictEntry) -> str:
    """What was observed, and what is judged among it: ``12 of 1,365``; a dash for nothing."""
    if not verdict.n:
        return "–"
    if verdict.k is None or verdict.k == verdict.n:
        return count(verdict.n)
    return f"{count(round(verdict.k))} of {count(verdict.n)}"


def looked(verdict: VerdictEntry) -> str:
    """How an answer came about that was looked for block after block: ``18 looks, 19,100 saved``; empty after one look."""
    if verdict.looks < 2:
        return ""
    return f"{verdict.looks:,} looks" + (f", {count(verdict.saved)} saved" if verdict.saved else "")


def title_of(record: Record, indicator: str) -> str:
    """An indicator in words, as its declared rule names it."""
    declared = next((rule.title for rule in record.rules if rule.indicator == indicator and rule.title), "")
    return declared or indicator.replace("_", " ").replace("-", " ")


def ordered(record: Record) -> list[VerdictEntry]:
    """Verdicts by indicator (as declared, else in a customary order), subject and case; the same in every report."""
    declared = list(dict.fromkeys([rule.indicator for rule in record.rules] or _FIRST))
    place = {indicator: number for number, indicator in enumerate(declared)}
    return sorted(
        record.verdicts, key=lambda v: (place.get(v.indicator, len(place)), v.indicator, not v.gate, v.subject, v.case)
    )


def rules(verdicts: Iterable[VerdictEntry]) -> dict[str, int]:
    """Each decision rule of a table with its number, from 1, in order of appearance."""
    found = dict.fromkeys(verdict.rule for verdict in verdicts if verdict.rule)
    return {rule: number for number, rule in enumerate(found, start=1)}


def unresolved_verdicts(record: Record) -> list[VerdictEntry]:
    """Verdicts that are not PASS, gates first, worst first."""
    left = [verdict for verdict in ordered(record) if verdict.outcome is not Outcome.PASS]
    return sorted(left, key=lambda verdict: (not verdict.gate, verdict.outcome.severity))


def unresolved_tests(record: Record) -> list[TestEntry]:
    """Tests that failed, broke or stayed undecided, worst first; skips are no trouble of their own."""
    left = [test for test in record.tests if test.outcome not in {Outcome.PASS, Outcome.SKIPPED}]
    return sorted(left, key=lambda test: test.outcome.severity)


def outcome_word(entry: TestEntry | VerdictEntry) -> str:
    """The outcome in a word; of a test that was wrong itself, that."""
    return WRONG_USE if getattr(entry, "wrong_use", False) else entry.outcome.value


def tally(entries: Iterable[TestEntry | VerdictEntry]) -> str:
    """``1 FAIL, 2 WRONG USE, 12 PASS``, worst first; empty for none."""
    counted = Counter(map(outcome_word, entries))
    words = [outcome.value for outcome in Outcome]
    words.insert(Outcome.INCONCLUSIVE.severity, WRONG_USE)
    return ", ".join(f"{counted[one]} {one}" for one in words if counted[one])


def case_name(case: str) -> str:
    """The test's own name out of a case id."""
    return case.rpartition("::")[2]


def headline(record: Record) -> str:
    """One sentence for the whole run."""
    gates = [verdict for verdict in record.verdicts if verdict.gate]
    tests = Counter(test.outcome for test in record.tests)
    match record.outcome:
        case Outcome.PASS:
            return _passed(gates, tests)
        case Outcome.FAIL:
            return _failed(record, gates, tests)
        case Outcome.ERROR:
            return _broke(record, gates)
        case _:
            return _undecided(gates, tests)


def _passed(gates: list[VerdictEntry], tests: Counter[Outcome]) -> str:
    met = sum(gate.outcome is Outcome.PASS for gate in gates)
    left = len(gates) - met
    passed = f"{plural(tests[Outcome.PASS], 'test')} passed"
    skipped = f"; {tests[Outcome.SKIPPED]} skipped" if tests[Outcome.SKIPPED] else ""
    if not met:
        return f"{passed}{skipped}; no gate was judged."
    if left:
        return f"{plural(met, 'gate')} met, {left} not measured; {passed}{skipped}."
    return f"{'The one gate' if met == 1 else f'All {met:,} gates'} met, {passed}{skipped}."


def _failed(record: Record, gates: list[VerdictEntry], tests: Counter[Outcome]) -> str:
    missed = [gate for gate in gates if gate.outcome is Outcome.FAIL]
    names = ", ".join(dict.fromkeys(f"{title_of(record, gate.indicator)} of {gate.subject}" for gate in missed[:3]))
    more = f" and {len(missed) - 3} more" if len(missed) > 3 else ""
    said = f"{len(missed)} of {plural(len(gates), 'gate')} missed: {names}{more}. " if missed else ""
    misused = sum(test.wrong_use for test in record.tests)
    broke = tests[Outcome.ERROR] - misused
    endings = (
        (tests[Outcome.FAIL], "failed"),
        (broke, "broke"),
        (misused, "is wrong" if misused == 1 else "are wrong"),
        (tests[Outcome.INCONCLUSIVE], "stayed undecided"),
    )
    ended = ", ".join(f"{plural(number, 'test')} {verb}" for number, verb in endings if number)
    return f"{said}{ended}." if ended else said.rstrip() or "Tests that use no bench failed."


def _broke(record: Record, gates: list[VerdictEntry]) -> str:
    broken = sum(gate.outcome is Outcome.ERROR for gate in gates)
    errors = [test for test in record.tests if test.outcome is Outcome.ERROR]
    misused = sum(test.wrong_use for test in errors)
    besides = f" {_misused(misused)}" if misused else ""
    if len(errors) > misused:
        where = f"in {plural(len(errors) - misused, 'test')}"
    elif misused and not broken and record.exit_code == _WRONG_USE:
        return f"{_misused(misused)} Nothing else broke."
    elif broken:
        where = f"while {plural(broken, 'gate')} was judged" if broken == 1 else f"while {broken} gates were judged"
    else:
        return "The run ended early or lost part of its record, so it has not passed."
    return f"The bench or the framework broke {where}, so the run has not passed.{besides}"


def _misused(number: int) -> str:
    return f"{plural(number, 'test')} {'is' if number == 1 else 'are'} wrong and {'wants' if number == 1 else 'want'} mending."


def _undecided(gates: list[VerdictEntry], tests: Counter[Outcome]) -> str:
    undecided = sum(gate.outcome is Outcome.INCONCLUSIVE for gate in gates)
    if not undecided and not tests[Outcome.INCONCLUSIVE]:
        return "Nothing was decided: no gate was judged and no test passed."
    said = f"{undecided} of {plural(len(gates), 'gate')} and {plural(tests[Outcome.INCONCLUSIVE], 'test')}"
    return f"Undecided: {said} had too little data for the declared rule."
