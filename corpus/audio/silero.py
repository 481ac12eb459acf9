"""The network of Silero VAD (https://github.com/snakers4/silero-vad, MIT) in numpy, with the weights of its package.

Each frame is a spectrogram of four moments, which three convolutions make one, and an LSTM goes from frame to frame.
All but the LSTM's recurrence is computed for many frames at once.
"""

import functools
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emoclr.configs.errors import EmoclrError
from emoclr.corpus.audio.onnx_weights import read_onnx_weights

STATE_SIZE = 128

_WINDOW_SAMPLES, _HOP_SAMPLES, _REFLECTED_SAMPLES = 256, 128, 64
_STRIDES = (1, 2, 2, 1)
_MAX_PRODUCT = 2**18
"""Multiplications of a matrix product. numpy's OpenBLAS gives larger ones to all cores, and the threads that wait for
more burn many times what they compute."""

Floats = NDArray[np.float32]


class Convolution(NamedTuple):
    """Three taps wide, with a zero on both sides, and a ReLU behind it: weights (3 * channels, filters)."""

    weights: Floats
    bias: Floats
    stride: int


class Silero:
    """The probability of a voice in frames of 16 kHz.

    Args:
        weights: of `silero_vad_16k_op15.onnx`, by name, each flat.
    """

    def __init__(self, weights: Mapping[str, Floats]) -> None:
        weights = {name.removeprefix("model."): values for name, values in weights.items()}
        # numpy's is symmetric; a spectrogram's is periodic
        self._window = np.hanning(_WINDOW_SAMPLES + 1)[:-1].astype(np.float32)
        self._convolutions = [
            _convolution(
                weights[f"encoder.{number}.reparam_conv.weight"], weights[f"encoder.{number}.reparam_conv.bias"], stride
            )
            for number, stride in enumerate(_STRIDES)
        ]
        lstm = {
            name: _gates(weights[f"decoder.rnn.{name}"]) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        }
        self._input_weights = np.ascontiguousarray(lstm["weight_ih"].reshape(-1, STATE_SIZE).T)  # (128, 512)
        self._input_bias = lstm["bias_ih"] + lstm["bias_hh"]
        self._recurrent_weights = lstm["weight_hh"].reshape(-1, STATE_SIZE)  # (512, 128)
        self._output_weights, self._output_bias = weights["decoder.decoder.2.weight"], weights["decoder.decoder.2.bias"]

    def __call__(self, frames: Floats, hidden: Floats, cell: Floats) -> tuple[Floats, Floats, Floats]:
        """Returns the probabilities (n,) of frames, and the state (128,), (128,) behind the last.

        Args:
            frames: (n, 576) samples, at least one frame: 512, and the 64 before them.
            hidden: (128,), of the frame before; zeros at the beginning.
            cell: (128,), the same.
        """
        # (n, 640): the last window reaches beyond the frame
        filled = np.concatenate([frames, frames[:, -2 : -2 - _REFLECTED_SAMPLES : -1]], axis=1)
        windows = np.lib.stride_tricks.sliding_window_view(filled, _WINDOW_SAMPLES, axis=1)[:, ::_HOP_SAMPLES]
        maps = np.abs(np.fft.rfft(windows * self._window))  # (n, 4, 129)
        for convolution in self._convolutions:
            maps = _convolve(maps, convolution)
        inputs = np.empty((len(frames), 4 * STATE_SIZE), dtype=np.float32)
        _multiply(maps[:, 0], self._input_weights, inputs)
        inputs += self._input_bias
        states = np.empty((len(frames), STATE_SIZE), dtype=np.float32)
        cell = self._recur(inputs, hidden, cell, states)
        logits = np.maximum(states, 0) @ self._output_weights + self._output_bias
        return 1 / (1 + np.exp(-logits)), states[-1], cell

    def _recur(self, inputs: Floats, hidden: Floats, cell: Floats, states: Floats) -> Floats:
        """Fills in the hidden states (n, 128) by the gates' inputs (n, 512), and returns the last cell.

        What a step takes is calls, not numbers: nine of them, into the same arrays.
        """
        one = np.empty(5 * STATE_SIZE, dtype=np.float32)
        gates, new_cell = one[: 4 * STATE_SIZE], one[4 * STATE_SIZE :]
        sigmoids, output = one[: 3 * STATE_SIZE], one[2 * STATE_SIZE : 3 * STATE_SIZE]
        input_forget, candidate_cell = one[: 2 * STATE_SIZE], one[3 * STATE_SIZE :]
        products, squashed = np.empty((2, STATE_SIZE), dtype=np.float32), np.empty(STATE_SIZE, dtype=np.float32)
        flat, taken, kept = products.reshape(-1), products[0], products[1]
        half = np.full(3 * STATE_SIZE, 0.5, dtype=np.float32)
        new_cell[:] = cell
        weights, dot, add, multiply, tanh = self._recurrent_weights, np.dot, np.add, np.multiply, np.tanh
        for given, state in zip(inputs, states, strict=True):
            dot(weights, hidden, out=gates)
            add(gates, given, out=gates)
            tanh(gates, out=gates)
            multiply(sigmoids, half, out=sigmoids)
            add(sigmoids, half, out=sigmoids)
            multiply(input_forget, candidate_cell, out=flat)
            add(taken, kept, out=new_cell)
            tanh(new_cell, out=squashed)
            multiply(output, squashed, out=state)
            hidden = state
        return new_cell.copy()


@functools.cache
def silero() -> Silero:
    """Returns the network of the package silero-vad, which is not imported: it would import torch and set its threads.

    >>> frames, start = np.zeros((2, 576), dtype=np.float32), np.zeros(128, dtype=np.float32)
    >>> probabilities, hidden, cell = silero()(frames, start, start)
    >>> probabilities.shape, bool(probabilities.max() < 0.1), hidden.shape, cell.shape
    ((2,), True, (128,), (128,))
    """
    package = importlib.util.find_spec("silero_vad")
    if package is None or package.origin is None:
        raise EmoclrError("the package silero-vad is not installed; `pip install silero-vad`")
    # The weights of the package's safetensors are others, with other probabilities.
    path = Path(package.origin).parent / "data/silero_vad_16k_op15.onnx"
    try:
        return Silero(read_onnx_weights(path))
    except (OSError, KeyError) as error:
        told = f"{path}: not the network of silero-vad 6.2.3 ({error}); `pip install silero-vad==6.2.3`"
        raise EmoclrError(told) from error


def _convolution(weights: Floats, bias: Floats, stride: int) -> Convolution:
    """Returns a layer by its flat weights of (filters, channels, taps)."""
    taps_last = weights.reshape(len(bias), -1, 3)
    return Convolution(np.ascontiguousarray(taps_last.transpose(2, 1, 0).reshape(-1, len(bias))), bias, stride)


def _gates(weights: Floats) -> Floats:
    """Returns flat weights of input, forget, candidate and output in the order input, forget, output, candidate.

    Those of the three sigmoids are halved: sigmoid(x) = 0.5 tanh(x / 2) + 0.5, so that one tanh does for all four.
    """
    gates = weights.reshape(4, -1)[[0, 1, 3, 2]]
    gates[:3] *= 0.5
    return gates.reshape(-1)


def _convolve(maps: Floats, convolution: Convolution) -> Floats:
    """Returns the maps (n, positions / stride, filters) of maps (n, positions, channels)."""
    weights, bias, stride = convolution
    frames, positions, channels = maps.shape
    found = np.empty((frames, -(-positions // stride), len(bias)), dtype=np.float32)
    for place in range(found.shape[1]):
        first = place * stride - 1
        start, end = max(first, 0), min(first + 3, positions)  # zeros outside are left out
        taps = weights[(start - first) * channels : (end - first) * channels]
        _multiply(maps[:, start:end].reshape(frames, -1), taps, found[:, place])
    found += bias
    return np.maximum(found, 0, out=found)


def _multiply(rows: Floats, weights: Floats, out: Floats) -> None:
    """Writes the product of (n, k) and (k, m) into (n, m), in parts that BLAS computes in one thread."""
    some = _MAX_PRODUCT // weights.size
    whole = len(rows) - len(rows) % some
    np.matmul(rows[:whole].reshape(-1, some, rows.shape[1]), weights, out=out[:whole].reshape(-1, some, out.shape[1]))
    np.matmul(rows[whole:], weights, out=out[whole:])
