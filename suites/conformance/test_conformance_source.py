"""The transmitter sends what it declares: bases, bits and intensities as often, as independently and as bright."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hil.testbed.source_checks import intensities_off, settings_off

if TYPE_CHECKING:
    from hil import Link

pytestmark = [pytest.mark.hil_level("L3"), pytest.mark.hil_needs("transmitter")]


def test_settings_are_chosen_as_declared(link: Link) -> None:
    """200,000 settings in a row have the declared shares, and their bits pass tests of randomness; no proof that they are."""
    off = settings_off(link)
    assert not off, "the transmitter sends " + "; ".join(off)


def test_each_intensity_is_as_bright_as_declared(link: Link) -> None:
    """Every intensity's share of the sifted bits is the closed forms' within a tenth, whatever the loss: decoys hang on it."""
    off = intensities_off(link)
    assert not off, "; ".join(off)
