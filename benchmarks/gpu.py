"""What `benchmarks/pretrain.py` measures on a GPU besides loops."""

import time

import librosa
import numpy as np
import torch
from loops import Loops, now

from emoclr.augment.settings import SpectrogramSettings
from emoclr.augment.spectrogram import Spectrogram
from emoclr.pretrain.data.views import VIEWS

BATCH, REPEATS, LIBROSAS, PROFILED, ROWS = 256, 10, 20, 5, 20


def spectrograms(settings: SpectrogramSettings, seconds: float, device: torch.device) -> str:
    """Returns how many three-channel spectrograms a device makes in a second, and librosa on one core."""
    rate, frame = settings.sample_rate, {"n_fft": settings.n_fft, "hop_length": settings.hop_length}
    waveforms = np.random.default_rng(0).normal(0, 0.1, (BATCH, round(seconds * rate))).astype(np.float32)
    module, batch = Spectrogram(settings).to(device), torch.from_numpy(waveforms).to(device)
    with torch.inference_mode():
        module(batch)
        began = now()
        for _ in range(REPEATS):
            module(batch)
        ours = REPEATS * BATCH / (now() - began)

    def librosas(waveform: np.ndarray) -> None:
        librosa.power_to_db(librosa.feature.melspectrogram(y=waveform, sr=rate, n_mels=settings.bands, **frame))
        librosa.feature.chroma_stft(y=waveform, sr=rate, **frame)
        librosa.amplitude_to_db(np.abs(librosa.stft(waveform, **frame)))

    librosas(waveforms[0])
    began = time.process_time()
    for waveform in waveforms[:LIBROSAS]:
        librosas(waveform)
    theirs = LIBROSAS / (time.process_time() - began)
    told = f"{ours:.0f} a second, librosa on one core {theirs:.0f}: {ours / theirs:.1f} times as fast"
    return f"spectrograms of {seconds:g} s: {told}"


def profile(loops: Loops, backbone: str) -> str:
    """Returns PyTorch's table of where the time of a plain training step goes."""
    batch = next(iter(loops.ready()))
    inputs = [part.to(loops.device).transpose(0, 1).flatten(0, 1) for part in (batch.waveforms, batch.masks)]
    assert len(inputs[0]) == VIEWS * loops.settings.batch_size
    step = loops.plain_step(backbone)
    step(*inputs)
    activities = [torch.profiler.ProfilerActivity.CPU]
    if loops.device.type == "cuda":
        activities.append(torch.profiler.ProfilerActivity.CUDA)
    with torch.profiler.profile(activities=activities) as found:
        for _ in range(PROFILED):
            step(*inputs)
        now()
    key = "self_device_time_total" if loops.device.type == "cuda" else "self_cpu_time_total"
    table: str = found.key_averages().table(sort_by=key, row_limit=ROWS)
    return f"{backbone}, {PROFILED} steps\n{table}"
