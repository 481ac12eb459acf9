"""mp3 in memory is of the asked bit rate and holds the sound."""

import io

import numpy as np
import pytest
import soundfile as sf

from emoclr.corpus.audio.decoder import SAMPLE_RATE
from emoclr.corpus.audio.encode import encode_mp3

TONE_HZ = 440
MPEG2_KBIT_S = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)


@pytest.mark.parametrize("kbit_s", [16, 32, 40, 64, 160])
def test_the_header_names_the_bit_rate_and_the_tone_is_there(kbit_s: int) -> None:
    tone = 0.5 * np.sin(2 * np.pi * TONE_HZ * np.arange(SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32)
    coded = encode_mp3(tone, kbit_s)
    last = coded.rindex(b"\xff\xf3")
    assert MPEG2_KBIT_S[coded[last + 2] >> 4] == kbit_s
    decoded, rate = sf.read(io.BytesIO(coded), dtype="float32")
    spectrum = np.abs(np.fft.rfft(decoded[-SAMPLE_RATE:]))
    assert rate == SAMPLE_RATE and abs(int(spectrum.argmax()) - TONE_HZ) <= 1
