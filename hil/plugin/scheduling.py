"""Which worker runs what: a bench with a real address stays on one worker, tests of twins spread freely.

Our own, because pytest-xdist's ``loadgroup`` stops grouping on pytest 9.2. xdist is imported only where it is in use.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from hil.plugin.cases import twice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xdist.scheduler import Scheduling as Scheduler  # type: ignore[import-untyped]

    from hil.plugin.session import Run

__all__ = ["Scheduling", "scope_of"]


def scope_of(nodeid: str, exclusive: Sequence[str]) -> str:
    """The bench whose worker has to run the test, or the test itself; ``exclusive`` has longer names first."""
    parameters = nodeid.rpartition("[")[2].removesuffix("]")
    for bench in exclusive:
        if parameters == bench or parameters.startswith(f"{bench}-"):
            return bench
    return nodeid


class Scheduling:
    """Hooks of pytest-xdist, in the main process."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._watch = ExitStack()

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker which run it belongs to."""
        self._run.stop.nodes.append(node)
        node.workerinput["hil"] = {"folder": self._run.folder_path, "seed": self._run.seed}

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """Refuse one id for two tests, of which xdist would run one only; then make the folder the workers write to."""
        if again := twice(ids):
            raise pytest.UsageError(
                f"several tests have one id, and parallel runs would lose all but one: {', '.join(again)}; "
                "give their files different names, or run the suites one after the other"
            )
        if ids and not self._run.made:
            self._watch.enter_context(self._run.stop.watch())
            self._run.make_folder()

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Scheduler | None:
        """One scheduler for twins, one where a bench must stay together; another choice of --dist is respected for twins."""
        from hil.plugin import schedulers

        exclusive = self._run.exclusive()
        if not exclusive:
            return schedulers.Spread(config, log) if config.getoption("dist") == "load" else None
        if config.getoption("dist") == "each":
            raise pytest.UsageError(
                f"--dist each would run every test on every worker; bench {exclusive[0]} has real addresses and serves one"
            )
        return schedulers.Together(config, log, exclusive)

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """Give the signals back."""
        self._watch.close()
