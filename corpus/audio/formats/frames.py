"""Frames of FFmpeg, many of which become one array: making one of each takes longer than decoding it."""

from collections.abc import Iterator
from typing import Any

import av
import numpy as np
import soxr

from emoclr.corpus.audio.formats.stream import BLOCK_SAMPLES, Block

_DTYPES = {"u8": "u1", "s16": "i2", "s32": "i4", "flt": "f4", "dbl": "f8"}
_SAMPLE_BYTES = {name + ending: int(code[1]) for name, code in _DTYPES.items() for ending in ("", "p")}
_MAX_PLANES = 7
"""PyAV reads past the end of frames with a plane for each of more channels."""


class FrameBatch:
    """Frames that follow each other, until they become one float32 `(frames, channels)`.

    In a chain of streams, rate and channels may change on the way; they become those of the first.

    Args:
        sample_rate: Hz, of the blocks.
        channels: of the blocks.

    Examples:
        >>> frame = av.AudioFrame.from_ndarray(np.array([[16_384, -16_384]], np.int16), "s16", "mono")
        >>> frame.sample_rate = 8_000
        >>> batch = FrameBatch(8_000, channels=1)
        >>> batch.add(frame), batch.add(frame), len(batch)
        (True, True, 4)
        >>> [block.ravel().tolist() for block in batch.empty()], len(batch)
        ([[0.5, -0.5, 0.5, -0.5]], 0)
    """

    def __init__(self, sample_rate: int, channels: int) -> None:
        self._sample_rate, self._channels = sample_rate, channels
        self._kind = ("", 0, 0)  # name of the samples' format, channels, sample rate
        self._plane_channels = 1
        self._sample_bytes = self._max_samples = 0  # what a sample takes in a plane; what a block holds at most
        self._samples = 0
        self._held: list[list[bytes]] = []

    def __len__(self) -> int:
        """How many samples of a channel it is about to give."""
        if not self._samples or self._kind[2] == self._sample_rate:
            return self._samples
        return round(self._samples / self._kind[2] * self._sample_rate)

    def add(self, frame: Any) -> bool:
        """Adds a frame of PyAV; returns whether it did: it is to be emptied before one of another kind, and when full.

        Raises:
            FFmpegError, ValueError: the frame's samples are not to be had.
        """
        kind = (frame.format.name, frame.layout.nb_channels, frame.sample_rate)
        if kind != self._kind:
            if self._samples:
                return False
            if (frame.format.is_planar and kind[1] > _MAX_PLANES) or kind[0] not in _SAMPLE_BYTES:
                return self.add(_repacked(frame))
            self._kind = kind
            self._plane_channels = 1 if frame.format.is_planar else kind[1]
            self._sample_bytes = _SAMPLE_BYTES[kind[0]] * self._plane_channels
            self._max_samples = BLOCK_SAMPLES // kind[1]
        if self._samples > self._max_samples:
            return False
        samples = frame.samples
        planes = list(map(bytes, frame.planes))
        size = samples * self._sample_bytes
        if len(planes[0]) != size:
            planes = [plane[:size] for plane in planes]  # beyond that they are padded
            if len(planes[0]) != size:
                raise ValueError("a frame of fewer bytes than samples")
        self._held.append(planes)
        self._samples += samples
        return True

    def empty(self) -> Iterator[Block]:
        """Yields what it holds as one block, unless it holds nothing."""
        if not self._samples:
            return
        name, channels, rate = self._kind
        joined = map(b"".join, zip(*self._held, strict=True))
        planes = [np.frombuffer(plane, _DTYPES[name.removesuffix("p")]) for plane in joined]
        self._samples, self._held = 0, []
        block = as_float(planes[0].reshape(-1, self._plane_channels) if len(planes) == 1 else np.stack(planes, axis=1))
        if channels != self._channels:
            block = np.repeat(block.mean(axis=1, keepdims=True), self._channels, axis=1)
        if rate != self._sample_rate:
            block = soxr.resample(np.ascontiguousarray(block), rate, self._sample_rate)
        yield block


def as_float(samples: np.ndarray) -> Block:
    """Returns integer or floating-point samples as float32, full scale being 1."""
    if samples.dtype.kind == "f":
        return samples.astype(np.float32, copy=False)
    half = np.float32(2 ** (8 * samples.dtype.itemsize - 1))
    scaled: Block = samples.astype(np.float32) / half
    return scaled - 1 if samples.dtype.kind == "u" else scaled


def _repacked(frame: Any) -> Any:
    """Returns a frame whose bytes PyAV gives: all channels in one plane, 64-bit integers as floating point."""
    packed = frame.format.packed.name
    repacked = av.AudioResampler(format=packed if packed in _DTYPES else "dbl").resample(frame)
    if not repacked:
        raise ValueError("no samples in a frame")
    return repacked[0]
