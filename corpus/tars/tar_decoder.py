"""Decoding the clips of tars, whose bytes are in memory, in a process of its own."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoclr.corpus.audio.channels import ChannelChoice
from emoclr.corpus.audio.decoder import AudioError, decode_waveform
from emoclr.corpus.parallel.side_process import ProcessLost, SideProcess
from emoclr.corpus.tars.tar import BrokenTar, TarSample

_BATCH_CLIPS = 16
_BATCH_BYTES = 4 << 20

Decoded = tuple[TarSample, NDArray[np.float32] | AudioError]
"""A clip, and its waveform, float32 `(samples,)` at `SAMPLE_RATE`, or why it has none."""


class TarDecoder:
    """Decodes clips of tars beside this process: a decoder that crashes or hangs costs its clip, as it costs a file.

    Args:
        channels: which are heard.
    """

    def __init__(self, channels: ChannelChoice = "auto") -> None:
        self._channels: ChannelChoice = channels
        self._process: SideProcess[tuple[bytes, Path, ChannelChoice]] = SideProcess(_decoded)

    def __enter__(self) -> "TarDecoder":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the process; further clips start another."""
        self._process.close()

    def waveforms(self, clips: Iterable[TarSample]) -> Iterator[Decoded]:
        """Yields clips with their waveforms, in their order; a few are decoded ahead.

        A waveform is to be used, or copied, before the next one is taken: its memory is used again.
        """
        for batch in batches(clips):
            readable = [clip for clip in batch if not clip.problem]
            tasks = [(clip.audio, Path(clip.name), self._channels) for clip in readable]
            answers = self._process.answers(tasks, [len(clip.audio) for clip in readable])
            for clip in batch:
                if clip.problem:
                    yield clip, AudioError(Path(clip.name), clip.problem)
                    continue
                answer = next(answers)
                if isinstance(answer, ProcessLost):
                    answer = AudioError(Path(clip.name), str(answer))
                if isinstance(answer, Exception) and not isinstance(answer, AudioError):
                    raise answer
                yield clip, answer


def batches(clips: Iterable[TarSample]) -> Iterator[list[TarSample]]:
    """Yields a few clips at a time, of a few MB; of a tar that breaks off those before that, too."""
    held: list[TarSample] = []
    broken = None
    try:
        for clip in clips:
            held.append(clip)
            if len(held) == _BATCH_CLIPS or sum(len(one.audio) for one in held) >= _BATCH_BYTES:
                yield held
                held = []
    except BrokenTar as error:
        broken = error
    if held:
        yield held
    if broken is not None:
        raise broken


def _decoded(task: tuple[bytes, Path, ChannelChoice]) -> NDArray[np.float32]:
    return decode_waveform(*task)
