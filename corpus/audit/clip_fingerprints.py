"""Fingerprints of clips that are small enough to be kept: of the file of each, and of its sound."""

import hashlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from emoclr.corpus.audio.decoder import SAMPLE_RATE, AudioError
from emoclr.corpus.audio.samples import to_int16
from emoclr.corpus.decoded.waveforms import WaveformStore

MAX_S = 60
"""How much of the beginning of a clip is listened to, in s; longer ones differ before that."""


def clip_fingerprints(store: WaveformStore, clips: Iterable[int]) -> NDArray[np.uint64]:
    """Returns two fingerprints of each clip, uint64 `(clips, 2)`: of its file's content, and of its sound.

    A clip is known by either: by its file under any name, whichever part it is; by its sound in any lossless form. Of a
    clip without a sound both are of the file.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import soundfile
        >>> from emoclr.corpus.decoded.waveforms import Clip, open_waveforms
        >>> folder, noise = Path(tempfile.mkdtemp()), np.random.default_rng(0).integers(-9, 9, 16_000)
        >>> for name in ("a.wav", "a.flac"):
        ...     soundfile.write(folder / name, noise.astype(np.int16) * 1_000, 16_000)
        >>> store = open_waveforms([Clip(folder / "a.wav"), Clip(folder / "a.flac")], folder / "cache", workers=1)
        >>> [len(np.unique(column)) for column in clip_fingerprints(store, range(2)).T]
        [2, 1]
    """
    chosen = np.fromiter(clips, dtype=np.int64)
    of_files = np.frombuffer(store.digests[chosen].tobytes(), dtype="<u8").reshape(len(chosen), 2)[:, 0]
    found = np.stack([of_files, of_files], axis=1).astype(np.uint64)
    for place, clip in enumerate(chosen.tolist()):
        if not store.silent[clip]:
            found[place, 1] = _of_sound(store, clip, of_silence=int(of_files[place]))
    return found


def _of_sound(store: WaveformStore, clip: int, of_silence: int) -> int:
    """Returns a digest of the samples at 16 bits, without the zeros before and after; `of_silence` where none is."""
    try:
        samples = to_int16(store.crop(clip, 0, MAX_S * SAMPLE_RATE))
    except AudioError:  # its file is gone
        return of_silence
    sounding = np.flatnonzero(samples)
    if not len(sounding):
        return of_silence
    sound = samples[sounding[0] : sounding[-1] + 1].astype("<i2")
    return int.from_bytes(hashlib.blake2b(sound.tobytes(), digest_size=8).digest(), "little")
