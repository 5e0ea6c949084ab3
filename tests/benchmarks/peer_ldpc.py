"""PyPI ``ldpc``'s decoder on syndromes of random errors, in an interpreter that has it; prints what it took as JSON.

Called by ``test_benchmark_ldpc.py`` with a file of the graph and one JSON object: error ratio, rounds. One process holds both
keys.
"""

from __future__ import annotations

import json
import sys
import time
from importlib import metadata

import numpy as np
from ldpc import BpDecoder
from scipy import sparse

graph = np.load(sys.argv[1])
about = json.loads(sys.argv[2])
rows, columns = (int(number) for number in graph["shape"])
matrix = sparse.csr_matrix((np.ones(graph["row"].size, dtype=np.uint8), (graph["row"], graph["column"])), shape=(rows, columns))
decoder = BpDecoder(matrix, error_rate=about["error_ratio"], max_iter=100, bp_method="product_sum", schedule="parallel")
rng = np.random.default_rng(1)
taken, failed = [], 0
for _ in range(about["rounds"]):
    wrong = (rng.random(columns) < about["error_ratio"]).astype(np.uint8)
    syndrome = np.asarray(matrix @ wrong % 2, dtype=np.uint8)
    began = time.process_time()
    found = decoder.decode(syndrome)
    taken.append(time.process_time() - began)
    failed += not np.array_equal(found, wrong)
print(json.dumps({"version": metadata.version("ldpc"), "bits": columns, "taken_s": taken, "failed": failed}))
