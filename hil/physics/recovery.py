"""Count rate of a detector whose efficiency comes back gradually after the dead time, as 1 - exp(-t / tau_r).

Nanowires recover like this as the bias current returns into them: A. J. Kerman et al., Appl. Phys. Lett. 88, 111116 (2006).
Valid for Poissonian light, an efficiency in proportion to the recovered current, and clicks that start the recovery anew.
"""

from __future__ import annotations

__all__ = ["recovering_rate"]


def recovering_rate(rate_hz: float, dead_time_s: float, recovery_time_s: float) -> float:
    """Clicks per second of a detector offered ``rate_hz``.

    The wait behind the dead time survives with exp(-n (t - tau (1 - exp(-t / tau)))); with a = n tau its mean is
    tau e^a a^-a gamma(a, a), gamma being the lower incomplete gamma function (substitute v = exp(-t / tau)).
    """
    a = rate_hz * recovery_time_s
    if a == 0.0:
        return rate_hz / (1.0 + rate_hz * dead_time_s)
    # gamma(a, a) e^a a^-a = sum over k of a^k / (a (a + 1) ... (a + k))
    term = total = 1.0 / a
    k = 0
    while term > 1e-16 * total:
        k += 1
        term *= a / (a + k)
        total += term
    return 1.0 / (dead_time_s + recovery_time_s * total)
