"""Bench files: data only, from TOML to frozen objects.

:func:`load` is the way in; the objects are those of :mod:`hil.bench.model`.
"""

from hil.bench.loader import load, shipped
from hil.bench.queries import actual_of, bench_hash, envelope_of, simulated_devices, slo_limit, true_device
from hil.bench.schema import json_schema

__all__ = [
    "actual_of",
    "bench_hash",
    "envelope_of",
    "json_schema",
    "load",
    "shipped",
    "simulated_devices",
    "slo_limit",
    "true_device",
]
