"""A simulated link over days: short windows of clicks, and nothing in between."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.errors import MissingCapabilityError
from hil.record.model import PlotEntry
from hil.seeds import derive
from hil.testbed._quantity import seconds
from hil.testbed.recordings.recording_tables import event_fields

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hil.device_sims.world.month import Change, Survey
    from hil.testbed.link import Link

__all__ = ["survey"]

_POINTS = 400
_HOUR_S = 3600.0


def survey(
    link: Link,
    duration: str | float,
    every: str | float,
    window: str | float,
    *,
    workers: int = 1,
    first: str | float = 0.0,
    changes: Sequence[Change] = (),
) -> Survey:
    """What :meth:`~hil.testbed.link.Link.survey` returns; rates and QBER become series of the run, and a plot of its report."""
    testbed = link.testbed
    if not testbed.simulated_devices.issuperset(link.device_names):
        real = next(name for name in link.device_names if name not in testbed.simulated_devices)
        raise MissingCapabilityError(f"a survey skips over time, which takes a simulated link; {real} of {link.name} is real")
    from hil.device_sims.world.month import survey as sampled

    found = sampled(
        testbed.bench,
        link.name,
        derive(testbed.seed, testbed.name, testbed.case),
        duration_s=seconds(duration),
        every_s=seconds(every, "every"),
        window_s=seconds(window, "window"),
        first_s=seconds(first, "first"),
        changes=changes,
        workers=workers,
    )
    names = [name for receiver in link.receivers for name in link.detector_names(receiver)]
    rates = {
        f"survey_{name}_hz": (found.times_s, counts / found.window_s)
        for name, counts in zip(names, found.counts.T, strict=True)
    }
    testbed.save_series(link.name, {"survey_qber_ratio": (found.times_s, found.qber), **rates})
    testbed.record("plot", **event_fields(_plot(link.name, found)))
    return found


def _plot(link: str, found: Survey) -> PlotEntry:
    """Error ratio over time, neighbouring windows taken together where there are many."""
    import numpy as np

    together = -(-found.times_s.size // _POINTS)
    starts = np.arange(0, found.times_s.size, together)
    bits, errors = (np.add.reduceat(counts, starts) for counts in (found.sifted, found.errors))
    qber = [float(wrong / all_) if all_ else None for wrong, all_ in zip(errors, bits, strict=True)]
    windows = f"{found.times_s.size:,} windows of {found.window_s * 1e3:g} ms"
    return PlotEntry(
        title="error ratio over a survey",
        x=tuple((found.times_s[starts] / _HOUR_S).tolist()),
        y=tuple(qber),
        x_label="hours",
        y_label="QBER",
        sentences=(f"{windows}, {int(bits.sum()):,} bits in both parties' key basis. Simulated: the time was skipped over.",),
        link=link,
    )
