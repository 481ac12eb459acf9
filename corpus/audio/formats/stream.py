"""An opened audio file, whichever library decodes it."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Block = NDArray[np.float32]
"""float32 `(frames, channels)`; full scale is 1."""

BLOCK_SAMPLES = 1 << 16
"""About how many samples, all channels together, a block holds."""


class AudioStream(Protocol):
    """A recording that is decoded block by block, from a position to its true end.

    Attributes:
        sample_rate: Hz.
        channels: of every block.
        duration_s: what the header claims, in s; an estimate in some formats, None where it says nothing.
        float_samples: whether samples are stored as floating point, so that they may exceed full scale.
        others: names of further audio streams of the file, which are not decoded.
        partial: once `blocks` has ended, what of the file was not decoded, in words; empty where nothing.
    """

    sample_rate: int
    channels: int
    duration_s: float | None
    float_samples: bool
    others: tuple[str, ...]
    partial: str

    def blocks(self, start: int = 0) -> Iterator[Block]:
        """Yields what follows the first `start` frames.

        Raises:
            DecoderError: nothing can be decoded.
        """

    def close(self) -> None:
        """Closes the file."""


def broken_off(decoded_s: float, claimed_s: float) -> str:
    """Returns in words that a recording ends before its header says so."""
    return f"breaks off: {decoded_s:.2f} of {claimed_s:.2f} s can be decoded"
