"""Recorded time tags, read from two columns of text."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from hil.bench.model import RecordingDevice
from hil.drivers.recording import RecordedTags
from hil.errors import DeviceUnreachableError, UsageError

SHARED = Path(__file__).parents[4] / "shared" / "data" / "photon_pairs.txt"
GOOD = "# channel time\n 4   0\n\n0 10  # inline\n7\t10\n3 25\n"


@pytest.fixture
def recording(settings, tmp_path):
    def make(text: str) -> RecordedTags:
        path = tmp_path / "tags.txt"
        path.write_text(text)
        declared = RecordingDevice(driver="recording", tick_s=2e-9, file=str(path))
        return RecordedTags(settings(declared=declared))

    return make


def test_splits_the_parties_and_numbers_their_channels_from_zero(recording):
    """Channels 0 to 3 are Alice's, 4 to 7 become Bob's 0 to 3; comments and blank lines are passed over."""
    tags = recording(GOOD)
    tags.open()
    alice, bob = tags.alice(), tags.bob()
    assert (alice.ticks.tolist(), alice.channel.tolist()) == ([10, 25], [0, 3])
    assert (bob.ticks.tolist(), bob.channel.tolist()) == ([0, 10], [0, 3])
    assert (alice.ticks.dtype, bob.channel.dtype) == (np.int64, np.uint8)
    assert tags.duration_s == pytest.approx(25 * 2e-9)


def test_is_identified_by_the_files_hash(recording):
    """The same bytes are the same recording, whatever the file is called."""
    tags = recording(GOOD)
    tags.open()
    assert tags.identity().serial == hashlib.sha256(GOOD.encode()).hexdigest()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("x 5", "line 7: found 'x 5'; expected two integers"),
        ("0 5.5", "line 7: found '0 5.5'; expected two integers"),
        ("0", "line 7: found '0'; expected two integers"),
        ("0 30 1", "line 7: found '0 30 1'; expected two integers"),
        ("8 30", "line 7: found '8 30'; expected a channel of 0 to 3"),
        ("-1 30", "line 7: found '-1 30'; expected a channel"),
        ("1 24", "line 7: found time 24 after 25; expected ascending times"),
    ],
)
def test_a_bad_line_is_named(recording, line, words):
    """A bad line gives the file, its number, what stands there and what should."""
    with pytest.raises(UsageError, match=words) as raised:
        recording(GOOD + line + "\n5 99\n").open()
    assert "tags.txt" in str(raised.value)


def test_a_file_without_events_is_refused(recording):
    """Nothing recorded is nothing to judge."""
    with pytest.raises(UsageError, match="holds no event"):
        recording("# nothing\n\n").open()


def test_a_missing_file_is_named(settings):
    """A file that is not there names its path."""
    declared = RecordingDevice(driver="recording", tick_s=1e-9, file="/no/such/tags.txt")
    with pytest.raises(DeviceUnreachableError, match=r"/no/such/tags\.txt"):
        RecordedTags(settings(declared=declared)).open()


def test_a_recording_needs_its_tick(settings):
    """Without a bench file nobody knows how long a tick is, and none is guessed."""
    with pytest.raises(UsageError, match="how long a tick is"):
        RecordedTags(settings(resource="tags.txt"))


@pytest.mark.skipif(not SHARED.exists(), reason="the recorded pairs are not beside this checkout")
def test_the_recorded_pairs_are_counted_as_independently(settings):
    """Singles per channel equal the counts published beside the file, made without this project."""
    tags = RecordedTags(settings(declared=RecordingDevice(driver="recording", tick_s=156.25e-12, file=str(SHARED))))
    tags.open()
    assert np.bincount(tags.alice().channel).tolist() == [5408, 2732, 1753, 1424]
    assert np.bincount(tags.bob().channel).tolist() == [5242, 5811, 2792, 2179]
