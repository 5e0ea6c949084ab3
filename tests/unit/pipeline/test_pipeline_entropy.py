"""Random bytes for the parties."""

from __future__ import annotations

from hil.pipeline.entropy import SeededEntropy, SystemEntropy


def test_seeded_bytes_follow_from_seed_key_purpose_and_how_often() -> None:
    one, same = SeededEntropy(1, "alice"), SeededEntropy(1, "alice")
    first = one.draw("nonce", 16)
    assert first == same.draw("nonce", 16)
    others = (one.draw("nonce", 16), one.draw("seed", 16), SeededEntropy(2, "alice").draw("nonce", 16))
    assert len({first, *others, SeededEntropy(1, "bob").draw("nonce", 16)}) == 5


def test_the_operating_systems_bytes_do_not_repeat() -> None:
    entropy = SystemEntropy()
    assert len(entropy.draw("nonce", 32)) == 32
    assert entropy.draw("nonce", 32) != entropy.draw("nonce", 32)
