"""A corpus decoded once: every clip in one memory-mapped file that all later stages read."""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from configs.console import say
from configs.errors import EmoclrError
from corpus.audio import SAMPLE_RATE
from corpus.clips import Clip as Clip
from corpus.clips import ClipTable
from corpus.decoding import FULL_SCALE, NAMES, SAMPLES, Index, decode_into, read_index
from corpus.sources import clips_from as clips_from
from corpus.sources import clips_of as clips_of

SHOWN_FAILURES = 5

_FORM = 1
"""Goes into every fingerprint; another form of the store gets another number."""


@dataclass(frozen=True)
class Failure:
    """A clip that could not be decoded, and why."""

    path: Path
    reason: str


class NothingReadable(EmoclrError):
    """No clip of a corpus can be decoded; `failures` says of each why."""

    def __init__(self, failures: Sequence[Failure]) -> None:
        first = failures[0]
        super().__init__(f"none of {len(failures)} clips can be read; the first: {first.path}: {first.reason}")
        self.failures = failures


class WaveformStore:
    """All decodable clips of a corpus, 16 kHz mono, as int16 in one memory-mapped file.

    Pickles small and opens its file when first read, so each worker process maps the same pages of memory.
    Its state is arrays, not lists of Python strings: reading those in forked workers would copy them page
    by page.

    Attributes:
        fingerprint: hex digest of the clips asked for: names, sizes, times of change, starts and ends.
        samples: int64 `(clips,)`, lengths in samples.
        speakers: int64 `(clips,)`, positions in `speaker_names`, -1 where the speaker is unknown.
        speaker_names: the speakers, sorted.
        source_rows: int64 `(clips,)`, each clip's position in the list asked for; failed clips are absent.
        failures: the clips that could not be decoded.
    """

    def __init__(self, folder: Path, index: Index, root: Path, clips: Sequence[Clip]) -> None:
        """Opens what `open_waveforms` wrote into `folder` for `clips`, whose names count from `root`."""
        self.fingerprint = folder.name
        self._folder = folder
        self._root = root
        self.samples: NDArray[np.int64] = index.samples
        self.source_rows: NDArray[np.int64] = index.source_rows
        self._ends = np.cumsum(self.samples)
        speakers = [clips[row].speaker for row in self.source_rows]
        self.speaker_names: list[str] = sorted({name for name in speakers if name is not None})
        code = {name: number for number, name in enumerate(self.speaker_names)}
        self.speakers: NDArray[np.int64] = np.array(
            [-1 if name is None else code[name] for name in speakers], dtype=np.int64
        )
        self.failures: list[Failure] = [Failure(clips[row].path, reason) for row, reason in index.failures]
        self._map: NDArray[np.int16] | None = None

    def __len__(self) -> int:
        return len(self.samples)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_map": None}

    @property
    def durations_s(self) -> NDArray[np.float64]:
        """Lengths in seconds, float64 `(clips,)`."""
        return self.samples / SAMPLE_RATE

    def waveform(self, clip: int) -> NDArray[np.float32]:
        """Returns one clip whole, float32 `(samples,)` in [-1, 1]."""
        return self.crop(clip, 0, int(self.samples[clip]))

    def crop(self, clip: int, start_sample: int, n_samples: int) -> NDArray[np.float32]:
        """Returns `n_samples` of one clip from `start_sample` on, fewer where the clip ends before."""
        clip = range(len(self))[clip]
        end = int(self._ends[clip])
        first = end - int(self.samples[clip]) + max(0, start_sample)
        last = max(first, min(end, first + n_samples))
        return self._samples()[first:last].astype(np.float32) / np.float32(FULL_SCALE)

    def path(self, clip: int) -> Path:
        """Returns the recording that a clip comes from; reads it from disk, so not for the inner loop."""
        names: list[str] = json.loads((self._folder / NAMES).read_text(encoding="utf-8"))
        return self._root / names[int(self.source_rows[clip])]

    def _samples(self) -> NDArray[np.int16]:
        if self._map is None:
            self._map = np.memmap(self._folder / SAMPLES, dtype=np.int16, mode="r")
        return self._map


def open_waveforms(
    clips: ClipTable | Sequence[Clip], cache_dir: Path | None = None, workers: int | None = None
) -> WaveformStore:
    """Returns the clips decoded: from the cache where that was done before, else decoded now, in parallel.

    Another list of clips, or a file that changed, is another entry of the cache. An entry appears whole or
    not at all, so a run may be killed, and two may decode the same corpus at once.

    Args:
        clips: what to decode; what cannot be is set aside in `.failures`.
        cache_dir: where decoded corpora are kept; None for `$EMOCLR_CACHE`, or `~/.cache/emoclr` without it.
        workers: processes that decode; None for one a core.

    Raises:
        NothingReadable: no clip can be decoded.
        EmoclrError: there are no clips, or the cache cannot be written.
    """
    if not clips:
        raise EmoclrError("there are no clips to decode")
    clips = [replace(clip, path=Path(clip.path).absolute()) for clip in clips]
    root = _common_folder([clip.path for clip in clips])
    names = [clip.path.relative_to(root).as_posix() for clip in clips]
    folder = Path(cache_dir or default_cache_dir()).absolute() / _fingerprint(clips, names)
    index = read_index(folder)
    if index is None:
        parts = [(clip.path, clip.start_s, clip.end_s) for clip in clips]
        try:
            decode_into(folder, parts, names, workers)
        except OSError as error:
            raise EmoclrError(f"{folder}: cannot be written: {error.strerror or error}") from error
        index = read_index(folder)
        if index is None:
            raise EmoclrError(f"{folder}: cannot be read back after it was written")
    store = WaveformStore(folder, index, root, clips)
    if store.failures:
        if not len(store):
            raise NothingReadable(store.failures)
        say(f"{len(store.failures)} of {len(clips)} clips set aside:")
        for failure in store.failures[:SHOWN_FAILURES]:
            say(f"  {failure.path}: {failure.reason}")
        if len(store.failures) > SHOWN_FAILURES:
            say(f"  ... and {len(store.failures) - SHOWN_FAILURES} more")
    return store


def default_cache_dir() -> Path:
    """Returns where decoded corpora are kept."""
    return Path(os.environ.get("EMOCLR_CACHE") or Path.home() / ".cache" / "emoclr")


def _common_folder(paths: Sequence[Path]) -> Path:
    return Path(os.path.commonpath([path.parent for path in paths]))


def _fingerprint(clips: Sequence[Clip], names: Sequence[str]) -> str:
    """Returns a digest of what the clips are; names count from their common folder, which may move."""
    digest = hashlib.sha256(json.dumps([_FORM, SAMPLE_RATE]).encode())
    seen: dict[Path, tuple[int, int]] = {}
    for clip, name in zip(clips, names, strict=True):
        if clip.path not in seen:
            try:
                status = clip.path.stat()
                seen[clip.path] = (status.st_size, status.st_mtime_ns)
            except OSError:
                seen[clip.path] = (-1, -1)
        digest.update(json.dumps([name, *seen[clip.path], clip.start_s, clip.end_s]).encode())
    return digest.hexdigest()[:32]
