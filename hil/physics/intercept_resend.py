"""What an eavesdropper who measures and sends on costs in errors.

Source: C. H. Bennett, F. Bessette, G. Brassard, L. Salvail, J. Smolin, J. Cryptology 5, 3 (1992). Valid for BB84 with single
photons and an eavesdropper who chooses one of the two bases at random; a measurement half-way between them disturbs as much.
"""

from __future__ import annotations

__all__ = ["qber_with_intercept_resend"]


def qber_with_intercept_resend(fraction: float, misalignment: float = 0.0) -> float:
    """QBER when this fraction of the pulses is intercepted: half of those in the wrong basis, half of these come out wrong.

    A pulse that would be wrong anyway (``misalignment``) is as often set right as a good one is spoiled.
    """
    if not 0.0 <= fraction <= 1.0:
        raise ValueError(f"a fraction of the pulses lies between 0 and 1; got {fraction}")
    spoiled = fraction / 4.0
    return misalignment * (1.0 - spoiled) + (1.0 - misalignment) * spoiled
