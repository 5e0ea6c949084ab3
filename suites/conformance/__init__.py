"""Does the link do what it declares: the full key pipeline, each fault with its recovery, key delivery, and its objectives.

Covered: identity and firmware, counts, dark counts and dead time of each detector, loss against received power, QBER, key
rate, key length against an independent bound, key equality at both ends, fibre cut, thermal drift and dark count spike, attacks
on the classical channel, ETSI GS QKD 014 delivery, availability and calibration, a recording of photon pairs, a chain of
trusted nodes, and rate, fidelity and swaps of a repeater chain. Not covered: attacks on the quantum channel, side channels of
source and detectors, and whatever a bench does not show (its tests are skipped, each with its reason).

How to read failures: identity first, then loss and counts, then QBER, then key. A link that loses too much light fails several
tests at once, and the first of them in this order names the cause. New versions may add tests and so turn a pass into a fail.
"""
