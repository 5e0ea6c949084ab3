"""The two schedulers for pytest-xdist; imported only by a run that uses it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xdist.scheduler import LoadScheduling, LoadScopeScheduling  # type: ignore[import-untyped]

from hil.plugin.scheduling import scope_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest
    from xdist.workermanage import WorkerController  # type: ignore[import-untyped]

__all__ = ["Spread", "Together"]


class Spread(LoadScheduling):  # type: ignore[misc]
    """Hands out tests of twins one by one: they take seconds each, so a worker with a long queue would be waited for."""

    def __init__(self, config: pytest.Config, log: Any = None) -> None:
        super().__init__(config, log)
        self.maxschedchunk: int = self.maxschedchunk or 1


class Together(LoadScopeScheduling):  # type: ignore[misc]
    """Keeps all tests of a bench with a real address on one worker; other tests go where there is room."""

    def __init__(self, config: pytest.Config, log: Any, exclusive: Sequence[str]) -> None:
        super().__init__(config, log)
        self._exclusive = exclusive

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid, self._exclusive)

    def remove_node(self, node: WorkerController) -> str | None:
        """Forget a worker; the test it died in is not run again, for it may kill the next one too."""
        running = self._running(node)
        if running is not None:
            scope, nodeid = running
            crashed = self.assigned_work[node][scope]
            del crashed[nodeid]
            super().remove_node(node)
            return nodeid
        crashed_item: str | None = super().remove_node(node)
        return crashed_item

    def _running(self, node: WorkerController) -> tuple[str, str] | None:
        for scope, unit in self.assigned_work.get(node, {}).items():
            for nodeid, done in unit.items():
                if not done:
                    return scope, nodeid
        return None
