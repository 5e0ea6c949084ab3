"""What the two accountings of a two-way correction rest on, held against random quantum states."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from hil.pipeline.estimation import entropy_of
from hil.seeds import stream

Matrix = npt.NDArray[np.complex128]


def _entropy(rho: Matrix) -> float:
    """Von Neumann's, in bits."""
    eigenvalues = np.linalg.eigvalsh(rho)
    kept = eigenvalues[eigenvalues > 1e-14]
    return float(-(kept * np.log2(kept)).sum())


def _attacked(rng: np.random.Generator, eve: int, noise: float) -> npt.NDArray[np.complex128]:
    """Amplitudes of a random pure state of Alice's qubit, Bob's, and ``eve`` levels of Eve's; shape (2, 2, eve).

    As in BB84, Alice's bit is even whatever Eve does: she acts on Bob's half of a Bell pair alone.
    """
    isometry, _ = np.linalg.qr(rng.normal(size=(2 * eve, 2)) + 1j * rng.normal(size=(2 * eve, 2)))
    gentle = np.zeros((2 * eve, 2), dtype=np.complex128)
    gentle[0, 0] = gentle[eve, 1] = 1.0
    isometry, _ = np.linalg.qr((1.0 - noise) * gentle + noise * isometry)
    return isometry.T.reshape(2, 2, eve) / np.sqrt(2.0)


def _unknown_bits(state: npt.NDArray[np.complex128], *, pattern_told: bool) -> float:
    """H(Z_A | E), or H(Z_A | E, W) with W the parity of both ends' bits."""
    eve = state.shape[2]
    with_bit, without = [], []
    for w in (0, 1):
        parts = [np.outer(state[a, a ^ w], state[a, a ^ w].conj()) for a in (0, 1)]
        with_bit.append(parts)
        without.append(parts[0] + parts[1])
    if pattern_told:
        joint = sum(_entropy(part) for parts in with_bit for part in parts)
        return joint - sum(_entropy(part) for part in without)
    bits = [with_bit[0][a] + with_bit[1][a] for a in (0, 1)]
    assert bits[0].shape == (eve, eve)
    return sum(_entropy(part) for part in bits) - _entropy(without[0] + without[1])


def _phase_error(state: npt.NDArray[np.complex128]) -> float:
    """Chance that the two ends' results in the other basis differ."""
    hadamard = np.array([[1, 1], [1, -1]]) / np.sqrt(2.0)
    turned = np.einsum("ia,jb,abe->ije", hadamard, hadamard, state)
    return float((abs(turned[0, 1]) ** 2).sum() + (abs(turned[1, 0]) ** 2).sum())


@pytest.mark.parametrize("noise", [0.05, 0.2, 1.0])
def test_of_single_photons_the_error_pattern_leaves_what_the_phase_errors_bound(noise: float) -> None:
    """H(Z | E W) >= 1 - h(e) for every state of two qubits: what ``error-pattern`` rests on (docs, decision 5)."""
    rng, tightest = stream(5, "leakage", round(100 * noise)), 1.0
    for _ in range(300):
        state = _attacked(rng, 4, noise)
        left = _unknown_bits(state, pattern_told=True)
        bound = 1.0 - entropy_of(min(0.5, _phase_error(state)))
        assert left >= bound - 1e-9
        assert left <= _unknown_bits(state, pattern_told=False) + 1e-9
        tightest = min(tightest, left - bound)
    assert tightest < 0.3  # the bound is near for some state, so that a wrong one would show
