"""Judge of somebody else's key pipeline, from the counters that a device exports."""

from hil.judge.counters import VendorBlock
from hil.judge.deciding import Judgement, Limit, judge
from hil.judge.reading import read_counters

__all__ = ["Judgement", "Limit", "VendorBlock", "judge", "read_counters"]
