"""What is measured of a recording is what was written, and faults are named."""

import numpy as np
import pytest

from emoclr.corpus.audio.decoder import AudioInfo
from emoclr.corpus.audit import audit
from emoclr.corpus.audit.recordings import Recording, _listen

from .conftest import RATE, checks, four, voice

pytestmark = pytest.mark.usefixtures("in_this_process")


def test_broken_sounds_are_named_each_for_its_fault(corpus):
    loud = np.clip(20 * voice(5), -1, 1)
    labels = corpus(
        *four(),
        (np.zeros(RATE), 1, 0, "ann", "train"),
        (0.0005 * np.sign(voice(6)), 1, 0, "ann", "train"),
        (loud, 1, 0, "ann", "train"),
        (0.5 * voice(7) + 0.05, 1, 0, "ann", "train"),
        (lambda path: path, 1, 0, "ann", "train"),
    )
    found = checks(audit(labels))
    assert list(found["silence"].cases) == [
        "004.wav (joy): 1.0 s, digital silence",
        "005.wav (joy): 1.5 s, peak -66 dBFS",
    ]
    (clipped,) = found["clipping"].cases
    assert clipped.startswith("006.wav (joy): ") and clipped.endswith("% of the samples at full scale")
    (offset,) = found["DC offset"].cases
    assert offset == "007.wav (joy): mean +0.050"
    assert list(found["unreadable"].cases) == ["008.wav: no such file"]
    assert not [check for check in found if check.startswith("identical")], "silent clips are alike, and no copies"


def test_what_is_measured_is_what_was_written(corpus):
    times = np.arange(RATE) / RATE
    labels = corpus((0.5 * np.sin(2 * np.pi * 1_000 * times) + 0.02, 1, 0, "ann", "train"), *four())
    measured = audit(labels).recordings[0]
    assert isinstance(measured, Recording)
    assert (measured.duration_s, measured.sample_rate, measured.channels, measured.suffix) == (1.0, RATE, 1, ".wav")
    assert measured.offset == pytest.approx(0.02, abs=1e-4)
    assert measured.rms_db == pytest.approx(10 * np.log10(0.5**2 / 2 + 0.02**2), abs=0.01)
    assert measured.peak_db == pytest.approx(20 * np.log10(0.52), abs=0.01)
    assert measured.bandwidth_hz == pytest.approx(1_000, abs=100)


@pytest.mark.parametrize("size", [100, 1_000, 16_000, 40_000])
def test_a_clip_measured_block_by_block_is_as_measured_whole(tmp_path, size):
    sound = np.concatenate([np.zeros(3_000), 0.4 * voice(3), np.zeros(20_000), 0.2 * voice(4), np.zeros(999)])
    sound = (np.rint(sound * 32_768) / 32_768).astype(np.float32)
    info = AudioInfo(None, 16_000, 1)
    whole = _listen([sound], info, ".wav")
    split = _listen(np.split(sound, range(size, len(sound), size)), info, ".wav")
    assert split.words.tolist() == whole.words.tolist()
    assert (split.digest, split.bandwidth_hz, split.clipped) == (whole.digest, whole.bandwidth_hz, whole.clipped)
    assert [split.rms_db, split.offset] == pytest.approx([whole.rms_db, whole.offset])
    # Whatever zeros are around it, the sound is the same, and other zeros within it make another.
    assert _listen([sound[3_000:]], info, ".wav").digest == whole.digest
    assert _listen([np.delete(sound, np.s_[40_000:40_010])], info, ".wav").digest != whole.digest
