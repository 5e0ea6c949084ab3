"""Judge of somebody else's key pipeline, from the counters that a device exports."""

from hil.judge.bounds import Bound
from hil.judge.counters import VendorBlock
from hil.judge.deciding import Judgement, Limit, judge
from hil.judge.reading import read_counters
from hil.judge.together import judge_all

__all__ = ["Bound", "Judgement", "Limit", "VendorBlock", "judge", "judge_all", "read_counters"]
