"""Scintillation of a path through the air: the received intensity over its mean, as a function of time.

Log-normal for weak turbulence; gamma-gamma for any: the product of two gamma variables, for large and small eddies (M. A.
Al-Habash, L. C. Andrews, R. L. Phillips, Opt. Eng. 40, 1554 (2001), plane wave).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log
from typing import TYPE_CHECKING

import numpy as np

from hil.seeds import derive

from .wander import WIDEST, normals, wander

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Fading"]

_MEMORY = 1.3
"""Integral of a wander's correlation over all delays, in scales; that of the intensity is a little shorter."""
_HIGHEST = 3.5
"""Gamma-gamma: deviate of either factor at which it is cut."""


@dataclass(frozen=True)
class Fading:
    """``variance`` of the log (log-normal), or the two ``shapes`` (gamma-gamma)."""

    key: int
    coherence_time_s: float
    variance: float = 0.0
    shapes: tuple[float, float] | None = None

    @classmethod
    def log_normal(cls, seed: int, link: str, scintillation_index: float, coherence_time_s: float) -> Fading:
        """Weak turbulence: variance of the intensity over its squared mean."""
        return cls(derive(seed, "fading", link), coherence_time_s, variance=log(1.0 + scintillation_index))

    @classmethod
    def gamma_gamma(cls, seed: int, link: str, rytov_variance: float, coherence_time_s: float) -> Fading:
        """Turbulence of any strength."""
        key = derive(seed, "fading", link)
        if rytov_variance == 0.0:
            return cls(key, coherence_time_s)
        root = rytov_variance**0.5
        large = 0.49 * rytov_variance / (1.0 + 1.11 * root**2.4) ** (7.0 / 6.0)
        small = 0.51 * rytov_variance / (1.0 + 0.69 * root**2.4) ** (5.0 / 6.0)
        return cls(key, coherence_time_s, shapes=(1.0 / np.expm1(large), 1.0 / np.expm1(small)))

    @property
    def scintillation_index(self) -> float:
        """Variance of the intensity over its squared mean."""
        if self.shapes is None:
            return exp(self.variance) - 1.0
        alpha, beta = self.shapes
        return 1.0 / alpha + 1.0 / beta + 1.0 / (alpha * beta)

    @property
    def peak(self) -> float:
        """The largest value."""
        if self.shapes is None:
            return exp(WIDEST * self.variance**0.5 - self.variance / 2.0)
        return float(np.prod([_gamma(np.array([_HIGHEST]), shape)[0] for shape in self.shapes]))

    def at(self, times_s: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Intensity over its mean: shape (n,)."""
        if self.shapes is not None:
            large, small = (
                _gamma(np.minimum(wander(times_s, self.coherence_time_s, derive(self.key, name)), _HIGHEST), shape)
                for name, shape in zip(("large", "small"), self.shapes, strict=True)
            )
            product: npt.NDArray[np.float64] = large * small
            return product
        deviate = wander(times_s, self.coherence_time_s, self.key)
        result: npt.NDArray[np.float64] = np.exp(self.variance**0.5 * deviate - self.variance / 2.0)
        return result

    def mean_over(self, cells: npt.NDArray[np.int64], step_s: float) -> npt.NDArray[np.float64]:
        """Mean of each cell of time that is long beside the coherence time, with the spread such a mean has: shape (n,)."""
        spread = (self.scintillation_index * _MEMORY * self.coherence_time_s / step_s) ** 0.5
        deviate = np.clip(normals(cells, derive(self.key, "mean", round(step_s * 1e9)))[0], -WIDEST, WIDEST)
        result: npt.NDArray[np.float64] = np.clip(1.0 + spread * deviate, 0.0, self.peak)
        return result


def _gamma(deviates: npt.NDArray[np.float64], shape: float) -> npt.NDArray[np.float64]:
    """The gamma variable of unit mean at the same quantile."""
    from scipy.special import gammainccinv, gammaincinv, ndtr

    # the upper tail from its own side, where a quantile near one would lose digits
    lower = gammaincinv(shape, ndtr(np.minimum(deviates, 0.0)))
    upper = gammainccinv(shape, ndtr(-np.maximum(deviates, 0.0)))
    result: npt.NDArray[np.float64] = np.where(deviates <= 0.0, lower, upper) / shape
    return result
