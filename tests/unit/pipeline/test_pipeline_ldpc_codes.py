"""Codes of the parity checks: their graphs against dense and sparse matrices, their thresholds against published ones."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from scipy import sparse

from hil.pipeline.reconciliation.ldpc_design import error_ratio_of, iterations, threshold
from hil.pipeline.reconciliation.ldpc_family import COLUMNS, DEGREES, FAMILY, column_degrees, member
from hil.pipeline.reconciliation.ldpc_graph import Code, Graph, code_of
from hil.seeds import stream


def matrix(code: Graph, rows: int) -> sparse.csr_array:
    """Every check as the definition has it: check r of row i reads bit (r + shift) mod lifting of its columns."""
    z = code.lifting
    row, column = np.nonzero(code.shifts[:rows] >= 0)
    shift = code.shifts[row, column]
    r = np.arange(z)
    checks = (row[:, None] * z + r).reshape(-1)
    bits = (column[:, None] * z + (r + shift[:, None]) % z).reshape(-1)
    return sparse.csr_array((np.ones(checks.size, dtype=np.int32), (checks, bits)), shape=(rows * z, COLUMNS * z))


@pytest.mark.parametrize(("rows", "lifting"), [(16, 8), (46, 24), (161, 13)])
def test_syndromes_are_a_matrix_product(rows: int, lifting: int) -> None:
    """Dense, over the integers modulo two."""
    code = code_of(rows, lifting)
    frames = stream(1, "syndromes").integers(0, 2, (3, COLUMNS, lifting), dtype=np.uint8)
    told = code.told.syndromes(frames, 2, code.rows)
    dense = matrix(code.told, code.rows).toarray()
    expected = (frames.reshape(3, -1).astype(np.int64) @ dense.T % 2).reshape(3, code.rows, lifting)[:, 2:]
    assert np.array_equal(told, expected)


@pytest.mark.parametrize(("rows", "lifting"), [(46, 512), (161, 512)])
def test_no_two_checks_share_two_bits(rows: int, lifting: int) -> None:
    """No cycle of four edges at the lifting of long keys."""
    # circulants: the first check of each row stands for all of them
    every = matrix(code_of(rows, lifting).told, rows)
    first = every[::lifting]
    shared = (first @ every.T).tocsr()
    shared[np.arange(rows), np.arange(rows) * lifting] = 0
    assert shared.max() == 1


@pytest.mark.parametrize("rows", [16, 46, 79, 161, 284, 480])
def test_base_matrix_is_what_the_family_says(rows: int) -> None:
    """Columns have their degrees, rows are even, and columns of two close no cycle among themselves."""
    code = code_of(rows, 64)
    entries = code.told.shifts[:rows] >= 0
    assert entries.sum(axis=0).tolist() == column_degrees(rows)
    weights = entries.sum(axis=1)
    assert weights.max() - weights.min() <= 1
    shares = np.bincount(column_degrees(rows), minlength=31)[list(DEGREES)] / COLUMNS
    if rows > 31:
        assert shares == pytest.approx(member(rows / COLUMNS).shares, abs=1.01 / COLUMNS)
    root = list(range(rows))

    def find(row: int) -> int:
        while root[row] != row:
            row = root[row]
        return row

    for column in np.flatnonzero(entries.sum(axis=0) == 2):
        one, other = (find(int(row)) for row in np.flatnonzero(entries[:, column]))
        assert one != other
        root[one] = other


@pytest.mark.parametrize("rows", [32, 40, 64])
def test_split_checks_are_those_told(rows: int) -> None:
    """With any number of halves told: the decoded rows' checks follow from the told ones, and no entry is lost or doubled."""
    code = code_of(32, 8)
    frames = stream(1, "split").integers(0, 2, (2, COLUMNS, 8), dtype=np.uint8)
    graph = code.split(rows)
    assert np.array_equal(graph.syndromes(frames, 0, rows), code.split_syndromes(code.told.syndromes(frames, 0, rows)))
    assert np.array_equal((graph.shifts >= 0).sum(axis=0), (code.told.shifts[:32] >= 0).sum(axis=0))


def test_both_ends_make_the_same_code() -> None:
    """Made again it is the same, and the same as in the version before: what it hashes to is pinned."""
    code = Code(32, 40)
    assert np.array_equal(code.told.shifts, code_of(32, 40).told.shifts)
    assert hashlib.sha256(code.told.shifts.astype("<i8").tobytes()).hexdigest()[:16] == "d277ad9a2580945d"
    assert not np.array_equal(code.told.shifts[:32] >= 0, Code(33, 40).told.shifts[:32] >= 0)


@pytest.mark.parametrize(
    ("checks_per_bit", "degree", "published"), [(1 / 2, 3, 0.084), (3 / 4, 3, 0.167), (3 / 5, 3, 0.113), (1 / 2, 4, 0.076)]
)
def test_thresholds_of_regular_codes_are_those_published(checks_per_bit: float, degree: int, published: float) -> None:
    """Richardson and Urbanke, IEEE Trans. Inf. Theory 47, 599 (2001), table I: belief propagation on the symmetric channel."""
    assert threshold(checks_per_bit, [1.0], [degree]) == pytest.approx(published, abs=0.001)


@pytest.mark.parametrize("number", range(len(FAMILY)))
def test_thresholds_of_the_family(number: int) -> None:
    """2.5 % below all is corrected, 2.5 % above it is not; no member beats the limit, nor is planned beyond its threshold."""
    one = FAMILY[number]
    assert sum(one.shares) == pytest.approx(1.0, abs=2e-4)
    assert iterations(0.975 * one.threshold, one.checks_per_bit, one.shares) < 400
    assert iterations(1.025 * one.threshold, one.checks_per_bit, one.shares) == 400
    assert one.planned < one.threshold < error_ratio_of(one.checks_per_bit)
