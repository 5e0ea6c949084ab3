"""The one outcome of a run, from its tests, its gates and what broke."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.verdict import Outcome, exit_code

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hil.record.model import TestEntry, VerdictEntry

__all__ = ["settle"]

_EXIT_CODES = {0: Outcome.PASS, 1: Outcome.FAIL, 4: Outcome.ERROR, 10: Outcome.ERROR, 11: Outcome.INCONCLUSIVE}
"""What an exit code says of a run that came to its end: 4 that tests were wrong themselves."""

_CAME_TO_ITS_END = {0, 1, 5, 10, 11}
"""Exit codes of a process; any other (2 interrupted, 3 internal error, 4 usage) ended the run early."""


def settle(
    tests: Iterable[TestEntry], verdicts: Iterable[VerdictEntry], *, broken: bool, process_code: int | None
) -> tuple[Outcome, int]:
    """Outcome and exit code of a run.

    Tests and gating verdicts count, other verdicts do not. A test that was wrong itself is no trouble of the bench. Skips
    decide nothing, and a run that decided nothing is INCONCLUSIVE. Lost events or an early end make it ERROR at best: what is
    missing might have been a FAIL. A process that has its exit code already keeps it.
    """
    tests = list(tests)
    wrong_use = any(test.wrong_use for test in tests)
    seen = [test.outcome for test in tests if not test.wrong_use]
    seen += [verdict.outcome for verdict in verdicts if verdict.gate]
    if broken or (process_code is not None and process_code not in _CAME_TO_ITS_END):
        seen.append(Outcome.ERROR)
    if process_code == 1:  # also where the failure is of a test that no bench has to do with
        seen.append(Outcome.FAIL)
    code = exit_code(seen, wrong_use=wrong_use)
    return _EXIT_CODES[code], code if process_code is None else process_code
