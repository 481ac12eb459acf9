import numpy as np
import pytest

from emoclr.corpus.audio.decoder import AudioError, decode_waveform, read_waveform


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.opus", "a.mp3", "a.aiff"])
def test_bytes_in_memory_decode_to_what_their_file_decodes_to(write_tone, name):
    path = write_tone(name, rate=48_000, channels=(1.0, 0.5))
    np.testing.assert_array_equal(decode_waveform(path.read_bytes(), path), read_waveform(path))


@pytest.mark.parametrize(("content", "reason"), [(b"", "empty file"), (b"no recording", "cannot be read as audio")])
def test_bytes_that_are_no_recording_are_an_error_that_names_them(tmp_path, content, reason):
    with pytest.raises(AudioError, match=reason) as caught:
        decode_waveform(content, tmp_path / "x.wav")
    assert caught.value.path == tmp_path / "x.wav"
