"""Deciding while data come in: tests that may be looked at after every block and keep their error rates.

Re-testing a fixed-size interval until it passes gives a false PASS far more often than it says. What is here does not: each
interval holds at all looks together, so that the first one that lies beside the limit may end the measurement.

``evidence`` the e-process and the interval it gives; ``proportions``, ``rates``, ``means`` and ``quantiles`` what blocks
say of each kind of quantity; ``pooling`` blocks put together, where they may depend on each other; ``sprt`` Wald's test of
two hypotheses.
"""

__all__: list[str] = []
