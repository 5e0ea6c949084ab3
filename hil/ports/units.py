"""The unit that a name ends with, as people write it: settings of faults and quantities carry theirs (``loss_db``)."""

from __future__ import annotations

__all__ = ["unit_of"]

_UNITS = {
    "hz": "Hz",
    "s": "s",
    "c": "degC",
    "k": "K",
    "db": "dB",
    "km": "km",
    "w": "W",
    "ratio": "",
    "bps": "bit/s",
    "bytes": "bytes",
    "rad": "rad",
    "nm": "nm",
    "ppm": "ppm",
    "keys": "keys",
    "counts": "counts",
    "bits": "bits",
    "number": "",
    "way": "",
    "version": "",
}


def unit_of(name: str) -> str:
    """The unit; empty for a pure number or a word, the name's own ending where nobody knows it."""
    ending = name.rpartition("_")[2]
    return _UNITS.get(ending, ending)
