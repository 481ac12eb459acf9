"""Whether a file says what the network says that it was made of, in float32, for any batch and length."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from emoclr.configs.errors import EmoclrError
from emoclr.configs.messages import one_line
from emoclr.corpus.audio.decoder import SAMPLE_RATE
from emoclr.predict.export.forms import Floats, Runner

TOLERANCE = 1e-4
"""Of probabilities as they are, of embeddings relative to their length."""

SIZES = ((1, 0.5), (1, 22.0), (3, 7.31), (9, 2.0), (33, 0.5), (33, 1.77))
"""Waveforms at once, and their length, s; a window of the model comes on top."""


class ParityError(EmoclrError):
    """A file that says something else than its network.

    Examples:
        >>> ParityError("model.onnx: differs by 0.2").exit_code
        1
    """


def check_parity(
    run: Runner,
    network: Callable[[torch.Tensor], NDArray[np.float64]],
    window_s: float,
    *,
    relative: bool,
    tolerance: float = TOLERANCE,
) -> float:
    """Returns how far a file's outputs are from those of its network, at most.

    Args:
        run: runs the file.
        network: gives (B, outputs) of waveforms (B, samples).
        window_s: length of the model's windows, s. Shorter waveforms are left out where the network refuses them.
        relative: the length of each row of differences, as a part of the row's own; else the largest difference.
        tolerance: the most that is allowed.

    Raises:
        ParityError: further than `tolerance`, of another shape, no numbers, or the file cannot be run.

    Examples:
        >>> def network(waveforms):
        ...     return waveforms[:, :2].double().numpy()
        >>> check_parity(lambda waveforms: waveforms[:, :2], network, 1.0, relative=False)
        0.0
        >>> check_parity(lambda waveforms: waveforms[:6, :2], network, 1.0, relative=False)
        Traceback (most recent call last):
            ...
        emoclr.predict.export.parity.ParityError: of 9 waveforms of 2 s it gives (6, 2), where the network gives (9, 2)
    """
    largest = 0.0
    for batch, seconds in (*SIZES, (1, window_s)):
        waveforms = made_up(batch, round(seconds * SAMPLE_RATE))
        try:
            expected = network(torch.from_numpy(waveforms))
        except RuntimeError:
            if seconds >= window_s:
                raise
            continue
        given = f"of {batch} waveforms of {seconds:g} s"
        try:
            found = run(waveforms).astype(np.float64)
        except Exception as error:
            raise ParityError(f"{given} it makes nothing: {one_line(error)}") from error
        if found.shape != expected.shape:
            raise ParityError(f"{given} it gives {found.shape}, where the network gives {expected.shape}")
        difference = np.abs(found - expected)
        if relative:
            difference = np.linalg.norm(difference, axis=1) / np.maximum(np.linalg.norm(expected, axis=1), 1e-12)
        if not difference.max() <= tolerance:
            raise ParityError(f"{given} it differs by {difference.max():.2g}, where {tolerance:g} is allowed")
        largest = max(largest, float(difference.max()))
    return largest


def made_up(batch: int, samples: int) -> Floats:
    """Returns waveforms (batch, samples) from loud to quiet: gliding voices in noise, each with a silent part.

    >>> made_up(3, 8_000).shape
    (3, 8000)
    """
    generator = np.random.default_rng(0)
    time = np.arange(samples) / SAMPLE_RATE
    rows = []
    for number in range(batch):
        pitch = generator.uniform(90, 350) * (1 + 0.1 * np.sin(2 * np.pi * generator.uniform(1, 6) * time))  # Hz
        phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
        voice = sum(np.sin(harmonic * phase) / harmonic for harmonic in range(1, 12))
        row = voice + generator.uniform(0.0, 1.0) * generator.normal(size=samples)
        row *= 10 ** (-(5 + 5 * (number % 10)) / 20) / np.abs(row).max()
        silent = generator.integers(0, samples)
        row[silent : silent + samples // 4] = 0
        rows.append(row)
    return np.stack(rows).astype(np.float32)
