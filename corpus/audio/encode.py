"""Waveforms as mp3 files, in memory or on disk."""

import io
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from numpy.typing import NDArray

from emoclr.corpus.audio.decoder import SAMPLE_RATE

if TYPE_CHECKING:
    import soundfile as sf

MIN_KBIT_S, MAX_KBIT_S = 8, 160
"""Bit rates of mp3 at 16 kHz (MPEG-2 audio, layer III)."""


def encode_mp3(waveform: NDArray[np.float32], kbit_s: int) -> bytes:
    """Returns a waveform, float32 (samples,) at 16 kHz, as an mp3 file of a constant bit rate (LAME, by libsndfile).

    Args:
        waveform: what is encoded.
        kbit_s: one of the bit rates that mp3 has at 16 kHz: 16, 24, 32, 40, 48, 56, 64, 80, ... 160.
    """
    coded = io.BytesIO()
    with open_mp3(coded, kbit_s) as file:
        file.write(waveform)
    return coded.getvalue()


def open_mp3(file: Path | BinaryIO, kbit_s: int) -> "sf.SoundFile":
    """Returns an mp3 file to write a waveform at 16 kHz into, block by block; see `encode_mp3`."""
    import soundfile as sf

    # libsndfile maps 0 to 1 onto the bit rates, the highest first.
    level = (MAX_KBIT_S - kbit_s) / (MAX_KBIT_S - MIN_KBIT_S)
    return sf.SoundFile(
        file, "w", SAMPLE_RATE, channels=1, format="MP3", bitrate_mode="CONSTANT", compression_level=level
    )
