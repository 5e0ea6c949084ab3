"""Numbers over bench time, by name and labels: appended while a run goes on, saved with its record, read by reports."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from hil.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

__all__ = ["Labels", "Recorder", "Series"]

Labels = tuple[tuple[str, str], ...]

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_INDEX = "index"


@dataclass(frozen=True)
class Series:
    """One series: two float arrays of shape (n,), times in bench seconds, never falling; labels sorted by name."""

    name: str
    labels: Labels
    times_s: npt.NDArray[np.float64]
    values: npt.NDArray[np.float64]


class Recorder:
    """Collects samples. Names are lower-case words joined by ``_`` and end in their base unit, as Prometheus has them."""

    def __init__(self) -> None:
        self._samples: dict[tuple[str, Labels], tuple[list[float], list[float]]] = {}

    def record(self, name: str, value: float, time_s: float, labels: Mapping[str, str] | None = None) -> None:
        """Append one sample; UsageError for a malformed name and for a time before the series' last one."""
        self.extend(name, [time_s], [value], labels)

    def extend(
        self, name: str, times_s: Iterable[float], values: Iterable[float], labels: Mapping[str, str] | None = None
    ) -> None:
        """Append many samples of one series; UsageError as :meth:`record`, and for unequal lengths."""
        for word in (name, *(labels or {})):
            if not _NAME.fullmatch(word):
                raise UsageError(f"telemetry name {word!r}: expected lower-case letters, digits and _, such as qkd_qber_ratio")
        key = (name, tuple(sorted((labels or {}).items())))
        new_times, new_values = [float(time) for time in times_s], [float(value) for value in values]
        if len(new_times) != len(new_values):
            raise UsageError(f"telemetry {name}: {len(new_times)} times for {len(new_values)} values")
        times, kept = self._samples.get(key, ([], []))
        if any(after < before for before, after in pairwise(times[-1:] + new_times)):
            raise UsageError(f"telemetry {name}: time runs backwards; append samples in their order")
        times.extend(new_times)
        kept.extend(new_values)
        self._samples[key] = (times, kept)

    def series(self) -> tuple[Series, ...]:
        """Every series, sorted by name and labels."""
        import numpy as np

        return tuple(
            Series(name, labels, np.array(times, dtype=np.float64), np.array(values, dtype=np.float64))
            for (name, labels), (times, values) in sorted(self._samples.items())
        )

    def save(self, path: Path) -> Path:
        """Write everything to one ``.npz``; the same samples give the same bytes."""
        import numpy as np

        every = self.series()
        index = json.dumps([[one.name, dict(one.labels)] for one in every], sort_keys=True)
        arrays: dict[str, Any] = {_INDEX: np.frombuffer(index.encode(), dtype=np.uint8)}
        for number, one in enumerate(every):
            arrays[f"{number}.times_s"] = one.times_s
            arrays[f"{number}.values"] = one.values
        partial = path.with_name(path.name + ".partial")
        with partial.open("wb") as file:
            np.savez_compressed(file, **arrays)
        return partial.replace(path)

    @classmethod
    def load(cls, path: Path) -> Recorder:
        """Read what :meth:`save` wrote; UsageError for any other file."""
        import numpy as np

        recorder = cls()
        try:
            with np.load(path, allow_pickle=False) as arrays:
                for number, (name, labels) in enumerate(json.loads(arrays[_INDEX].tobytes())):
                    recorder.extend(name, arrays[f"{number}.times_s"], arrays[f"{number}.values"], labels)
        except (KeyError, ValueError, EOFError) as error:
            raise UsageError(f"{path} holds no telemetry: {error}") from error
        return recorder
