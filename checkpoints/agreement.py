"""Whether a released copy still says what its run says, on a made-up signal."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from emoclr.configs.errors import EmoclrError

TOLERANCE = 0.01
"""Of embeddings relative to their length, of probabilities as they are."""

WINDOWS = 8
RATE = 16_000

Outputs = NDArray[np.float64]


class AgreementError(EmoclrError):
    """A released copy that says something else than its run.

    Examples:
        >>> AgreementError("resnet10t: differs by 0.2").exit_code
        1
    """


def made_up_windows(window_s: float) -> torch.Tensor:
    """Returns windows (8, samples) of voiced and noisy sound at 16 kHz, from -40 to -5 dBFS; the same every time.

    >>> made_up_windows(0.5).shape
    torch.Size([8, 8000])
    """
    generator = np.random.default_rng(0)
    time = np.arange(round(window_s * RATE)) / RATE
    windows = []
    for number in range(WINDOWS):
        pitch = generator.uniform(90, 350) * (1 + 0.1 * np.sin(2 * np.pi * generator.uniform(1, 6) * time))  # Hz
        phase = 2 * np.pi * np.cumsum(pitch) / RATE
        voice = sum(np.sin(harmonic * phase) / harmonic for harmonic in range(1, 12))
        syllables = 0.5 + 0.5 * np.sin(2 * np.pi * generator.uniform(2, 5) * time)
        sound = voice * syllables + generator.uniform(0.01, 1) * generator.normal(size=len(time))
        windows.append(sound / np.abs(sound).max() * 10 ** (-(5 + 5 * number) / 20))
    return torch.from_numpy(np.stack(windows)).float()


def outputs_of(network: nn.Module, window_s: float) -> Outputs:
    """Returns what a network in eval mode gives for the made-up windows, (8, outputs)."""
    with torch.inference_mode():
        found: Outputs = network(made_up_windows(window_s)).double().numpy()
    return found


def check_agreement(name: str, of_run: Outputs, of_copy: Outputs, *, relative: bool) -> float:
    """Returns how far a copy's outputs are from those of its run, at most.

    Args:
        name: of the model, for the message.
        of_run: (windows, outputs).
        of_copy: (windows, outputs).
        relative: the length of each row of differences, as a part of the row's own; else the largest difference.

    Raises:
        AgreementError: further than `TOLERANCE`, or no numbers.

    Examples:
        >>> round(check_agreement("resnet10t", np.ones((1, 4)), np.full((1, 4), 1.002), relative=True), 6)
        0.002
    """
    difference = np.abs(of_copy - of_run)
    if relative:
        difference = np.linalg.norm(difference, axis=1) / np.maximum(np.linalg.norm(of_run, axis=1), 1e-12)
    largest = float(difference.max())
    if not largest <= TOLERANCE:
        raise AgreementError(
            f"{name}: in half precision its outputs differ by {largest:.3g} from those of the run, where "
            f"{TOLERANCE:g} is allowed; nothing was released"
        )
    return largest
