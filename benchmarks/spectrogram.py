"""Three-channel spectrograms against the librosa calls a user would write, and against `torch.stft` alone.

Clips of 5 s, batches of 32, one thread. `torch.stft` is given the whole batch, as one would write it, and as many clips
at a time as are quickest.
"""

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

CLIPS, SECONDS, REPEATS = 32, 5, 15
STFT_CLIPS = (1, 2, 4)


def main() -> None:
    torch.set_num_threads(1)
    settings = SpectrogramSettings()
    rate, frame = settings.sample_rate, {"n_fft": settings.n_fft, "hop_length": settings.hop_length}
    waveforms = np.random.default_rng(0).normal(0, 0.1, (CLIPS, SECONDS * rate)).astype(np.float32)
    batch = torch.from_numpy(waveforms)
    module = Spectrogram(settings)

    def stft(together: int) -> None:
        for part in torch.split(batch, together):
            torch.stft(part, **frame, window=module.window, pad_mode="constant", return_complex=True)

    def librosas(**tuning: float) -> None:
        for waveform in waveforms:
            librosa.power_to_db(librosa.feature.melspectrogram(y=waveform, sr=rate, n_mels=settings.bands, **frame))
            librosa.feature.chroma_stft(y=waveform, sr=rate, **frame, **tuning)
            librosa.amplitude_to_db(np.abs(librosa.stft(waveform, **frame)))

    calls: dict[str, Callable[[], object]] = {
        "ours": lambda: module(batch),
        "librosa as one would write it": librosas,
        "librosa with tuning=0": lambda: librosas(tuning=0.0),
        "torch.stft of the whole batch": lambda: stft(CLIPS),
        **{f"torch.stft of {n} at a time": lambda n=n: stft(n) for n in STFT_CLIPS},
    }
    with torch.inference_mode():
        for call in calls.values():
            call()
        # Each round measures all of them, so that a busy machine is as busy for each.
        rounds = [{name: timed(call) for name, call in calls.items()} for _ in range(REPEATS)]
    print(f"ours: {milliseconds(rounds, 'ours'):.2f} ms a clip (medians of {REPEATS} rounds, CPU time)")
    for name in list(calls)[1:]:
        ratio = statistics.median(seconds[name] / seconds["ours"] for seconds in rounds)
        told = f"{1 / ratio:.1f} times of it" if "stft" in name else f"{ratio:.1f} times as fast"
        print(f"{name}: {milliseconds(rounds, name):.2f} ms a clip; ours takes {told}")


def milliseconds(rounds: list[dict[str, float]], name: str) -> float:
    return statistics.median(seconds[name] for seconds in rounds) / CLIPS * 1000


def timed(call: Callable[[], object]) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


if __name__ == "__main__":
    main()
