"""Bounded repetition of idempotent queries after a transport error; each attempt is logged."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from hil.errors import DeviceTimeoutError, DeviceUnreachableError, DirtyLinkError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tenacity import RetryCallState

__all__ = ["RetryPolicy", "again"]

logger = logging.getLogger("hil.transports")
T = TypeVar("T")


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how long: ``attempts`` in all, none begun after ``wall_s`` seconds, ``backoff_s`` doubling between them."""

    attempts: int = 3
    wall_s: float = 10.0
    backoff_s: float = 0.05


def again(call: Callable[[], T], *, device: str, policy: RetryPolicy, error: Exception, spent_s: float) -> T:
    """Repeat ``call``, whose first attempt ended in ``error`` after ``spent_s`` seconds; re-raises the last error."""
    if policy.attempts < 2 or spent_s >= policy.wall_s:
        raise error
    from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, stop_after_delay, wait_exponential

    def log(state: RetryCallState) -> None:
        failed = state.outcome.exception() if state.outcome else None
        logger.warning(
            "%s: attempt %d of %d failed (%s); trying again", device, state.attempt_number + 1, policy.attempts, failed
        )

    logger.warning("%s: attempt 1 of %d failed (%s); trying again", device, policy.attempts, error)
    retrying = Retrying(
        stop=stop_after_attempt(policy.attempts - 1) | stop_after_delay(policy.wall_s - spent_s),
        wait=wait_exponential(multiplier=policy.backoff_s, max=1.0),
        retry=retry_if_exception_type((DeviceTimeoutError, DeviceUnreachableError, DirtyLinkError)),
        before_sleep=log,
        reraise=True,
    )
    return retrying(call)
