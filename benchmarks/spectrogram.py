"""Three-channel spectrograms against the librosa calls a user would write: 5 s clips, batches of 32, one thread."""

import os

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[name] = "1"

import statistics
import time
from collections.abc import Callable

import librosa
import numpy as np
import torch

from emoclr.augment.settings import SpectrogramSettings
from emoclr.augment.spectrogram import Spectrogram

CLIPS, SECONDS, REPEATS = 32, 5, 9


def main() -> None:
    torch.set_num_threads(1)
    settings = SpectrogramSettings()
    rate, frame = settings.sample_rate, {"n_fft": settings.n_fft, "hop_length": settings.hop_length}
    waveforms = np.random.default_rng(0).normal(0, 0.1, (CLIPS, SECONDS * rate)).astype(np.float32)
    module = Spectrogram(settings)

    def ours() -> None:
        with torch.inference_mode():
            module(torch.from_numpy(waveforms))

    def librosas(**tuning: float) -> None:
        for waveform in waveforms:
            librosa.power_to_db(librosa.feature.melspectrogram(y=waveform, sr=rate, n_mels=settings.bands, **frame))
            librosa.feature.chroma_stft(y=waveform, sr=rate, **frame, **tuning)
            librosa.amplitude_to_db(np.abs(librosa.stft(waveform, **frame)))

    alternatives = {"librosa as one would write it": librosas, "librosa with tuning=0": lambda: librosas(tuning=0.0)}
    for call in (ours, *alternatives.values()):
        call()
    # Each round measures all of them, so that a busy machine is as busy for each.
    rounds = [{name: timed(call) for name, call in {"ours": ours, **alternatives}.items()} for _ in range(REPEATS)]
    for name in alternatives:
        ratio = statistics.median(seconds[name] / seconds["ours"] for seconds in rounds)
        theirs = statistics.median(seconds[name] for seconds in rounds) / CLIPS * 1000
        mine = statistics.median(seconds["ours"] for seconds in rounds) / CLIPS * 1000
        print(f"{name}: {theirs:.2f} ms a clip, ours {mine:.2f} ms: {ratio:.1f} times as fast (median of {REPEATS})")


def timed(call: Callable[[], None]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
