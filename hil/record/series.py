"""Series over bench time, in one ``.npz`` per test and link that says itself what it holds."""

from __future__ import annotations

import hashlib
import json
import os
import re
from typing import TYPE_CHECKING, Any, TypeAlias

from hil.errors import UsageError
from hil.record.model import SeriesColumn, SeriesEntry

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from hil.record.folder import RunFolder


__all__ = ["UNITS", "Series", "describe", "read_series", "save_series", "unit_of"]

Series: TypeAlias = "Mapping[str, tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]"
"""Name with unit -> (times in bench seconds, values)."""

UNITS = {
    "ratio": "",
    "ppm": "ppm",
    "hz": "Hz",
    "bps": "bit/s",
    "s": "s",
    "ms": "ms",
    "us": "µs",
    "ns": "ns",
    "ps": "ps",
    "c": "°C",
    "k": "K",
    "db": "dB",
    "dbm": "dBm",
    "w": "W",
    "nw": "nW",
    "pw": "pW",
    "v": "V",
    "a": "A",
    "m": "m",
    "km": "km",
    "nm": "nm",
    "bits": "bits",
    "keys": "keys",
    "counts": "counts",
    "photons": "photons",
}
"""The last word of a series' name -> how the unit is written."""

_ABOUT = "about"
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def unit_of(name: str) -> str:
    """The unit a series' name ends with (``metro.qber_ratio``: ratio); UsageError for a name without one."""
    unit = name.rpartition("_")[2]
    if unit not in UNITS or unit == name:
        raise UsageError(f"series {name!r}: its name ends with no unit; expected one of _{', _'.join(UNITS)}")
    return unit


def save_series(folder: RunFolder, case: str, link: str, series: Series) -> Path:
    """Write the series of one test and link; returns the new file under ``telemetry/``.

    ``series``: name with unit -> (times in bench seconds, values), two arrays of one length. UsageError for a name without a
    unit or arrays of different lengths.
    """
    import numpy as np

    arrays: dict[str, npt.NDArray[Any]] = {}
    for number, (name, (times, values)) in enumerate(series.items()):
        unit_of(name)
        time_s, value = np.asarray(times, dtype=np.float64), np.asarray(values, dtype=np.float64)
        if time_s.ndim != 1 or time_s.shape != value.shape:
            raise UsageError(f"series {name!r}: times {time_s.shape}, values {value.shape}; expected two rows of one length")
        arrays |= {f"time_{number}": time_s, f"value_{number}": value}
    about = json.dumps({"case": case, "link": link, "names": list(series)})
    folder.telemetry.mkdir(exist_ok=True)
    path = _free(folder.telemetry, _safe(f"{case}.{link}"))
    half = path.with_suffix(f".{os.getpid()}.half")
    with half.open("wb") as file:
        np.savez_compressed(file, about=np.array(about), **arrays)  # type: ignore[arg-type]  # numpy's stub of **kwds
    half.replace(path)
    return path


def read_series(path: Path) -> dict[str, tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]:
    """The series of a telemetry file: name -> (times in bench seconds, values); UsageError for a file that is none."""
    return _load(path)[1]


def describe(path: Path, run: Path) -> SeriesEntry:
    """What a telemetry file holds; UsageError for a file that is none."""
    about, series = _load(path)
    columns = tuple(
        SeriesColumn(
            name=name,
            unit=unit_of(name),
            points=len(times),
            start_s=float(times.min()) if len(times) else None,
            end_s=float(times.max()) if len(times) else None,
        )
        for name, (times, _) in series.items()
    )
    return SeriesEntry(file=path.relative_to(run).as_posix(), case=about["case"], link=about["link"], columns=columns)


def _load(path: Path) -> tuple[dict[str, Any], dict[str, tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]]:
    import zipfile

    import numpy as np

    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            about = json.loads(str(stored[_ABOUT]))
            pairs = [(stored[f"time_{number}"], stored[f"value_{number}"]) for number in range(len(about["names"]))]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise UsageError(f"{path}: cannot read the series ({error}); expected a telemetry file of a run") from None
    return about, dict(zip(about["names"], pairs, strict=True))


def _safe(text: str) -> str:
    """A file name on every system; the digest keeps apart what the other letters would not."""
    return f"{_UNSAFE.sub('_', text).strip('._')[-90:]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _free(folder: Path, stem: str) -> Path:
    number = 1
    while (path := folder / (f"{stem}.npz" if number == 1 else f"{stem}-{number}.npz")).exists():
        number += 1
    return path
