"""The sound of the clips of a table, as files for a browser."""

import contextlib
import io
import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoclr.corpus.audio.decoder import SAMPLE_RATE, AudioError, read_waveform
from emoclr.corpus.audio.encode import encode_mp3
from emoclr.corpus.audio.samples import to_int16
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.corpus.parallel.side_process import ProcessLost, SideProcess

MAX_HEARD_S = 300.0
"""Of a longer clip the beginning is heard: nobody names the emotions of an hour."""

MP3_KBIT_S = 48

_Part = tuple[Path, float, float]


class Sounds:
    """Decodes clips in a process beside this one, which a damaged file may end; may be asked by several threads.

    Nothing but the clips of the table can be had, each by its number in it.
    """

    def __init__(self, clips: LabelTable) -> None:
        ends = np.where(np.isnan(clips.end_s), np.inf, clips.end_s)
        ends = np.minimum(ends, clips.start_s + MAX_HEARD_S)
        self._parts: list[_Part] = list(zip(clips.paths, clips.start_s.tolist(), ends.tolist(), strict=True))
        self._process = SideProcess(_waveform)
        self._lock = threading.Lock()

    def __enter__(self) -> "Sounds":
        return self

    def __exit__(self, *error: object) -> None:
        self._process.close()

    def wav(self, row: int) -> bytes:
        """Returns a clip as the network hears it, mono at 16 kHz, as a wav file.

        Raises:
            AudioError: it cannot be decoded.
        """
        import soundfile as sf

        file = io.BytesIO()
        sf.write(file, to_int16(self._heard(row)), SAMPLE_RATE, subtype="PCM_16", format="WAV")
        return file.getvalue()

    def mp3(self, row: int) -> bytes:
        """Returns a clip as an mp3 file, for pages that hold their sound.

        Raises:
            AudioError: it cannot be decoded.
        """
        return encode_mp3(self._heard(row), MP3_KBIT_S)

    def _heard(self, row: int) -> NDArray[np.float32]:
        part = self._parts[row]
        size = 0
        with contextlib.suppress(OSError):  # decoding says what is wrong
            size = part[0].stat().st_size
        with self._lock:
            (answer,) = (
                np.array(answer) if isinstance(answer, np.ndarray) else answer
                for answer in self._process.answers([part], [size])
            )
        if isinstance(answer, ProcessLost):
            raise AudioError(part[0], str(answer))
        if isinstance(answer, Exception):
            raise answer
        return answer


def _waveform(part: _Part) -> NDArray[np.float32]:
    return read_waveform(*part)
