import subprocess
import sys

import librosa
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emoclr.augment.settings import SpectrogramSettings
from emoclr.augment.spectrogram import Spectrogram

SMALL = SpectrogramSettings(sample_rate=16_000, n_fft=512, hop_length=160, bands=32)


def waveform_of(kind, samples, rate, seed):
    rng = np.random.default_rng(seed)
    times = np.arange(samples) / rate
    noise = rng.standard_normal(samples)
    made = {
        "silence": np.zeros(samples),
        "noise": 0.2 * noise,
        "whisper": 1e-3 * noise,
        "tone": 0.5 * np.sin(2 * np.pi * rng.uniform(50, rate / 2) * times),
        "voice then silence": np.where(times < times[-1] / 2, 0.3 * np.sign(np.sin(2 * np.pi * 120 * times)), 0),
        "click": np.arange(samples) == rng.integers(samples),
        "full scale": rng.choice([-1.0, 1.0], samples),
    }
    return made[kind].astype(np.float32)


kinds = st.sampled_from(["silence", "noise", "whisper", "tone", "voice then silence", "click", "full scale"])


@st.composite
def spectrogram_settings(draw):
    n_fft = 2 * draw(st.integers(32, 1_024))
    return SpectrogramSettings(
        sample_rate=draw(st.sampled_from([4_000, 8_000, 16_000, 22_050, 44_100])),
        n_fft=n_fft,
        hop_length=draw(st.integers(n_fft // 8, n_fft)),
        bands=draw(st.integers(12, n_fft // 4)),
        chroma=draw(st.sampled_from(["power", "peak"])),
    )


CHROMA = {"power": {"norm": None}, "peak": {}}


def librosa_channels(settings, waveform):
    common = {"n_fft": settings.n_fft, "hop_length": settings.hop_length, "pad_mode": "constant"}
    rate = settings.sample_rate
    return (
        librosa.feature.melspectrogram(y=waveform, sr=rate, n_mels=settings.bands, **common),
        librosa.feature.chroma_stft(y=waveform, sr=rate, tuning=0, **CHROMA[settings.chroma], **common),
        np.abs(librosa.stft(waveform, **common)),
    )


@pytest.mark.filterwarnings("ignore:Empty filters", "ignore:n_fft=")
@settings(deadline=None, max_examples=40)
@given(config=spectrogram_settings(), kind=kinds, samples=st.integers(1, 8_000), seed=st.integers(0, 9))
def test_the_three_channels_are_librosas(config, kind, samples, seed):
    waveform = waveform_of(kind, samples, config.sample_rate, seed)
    ours = Spectrogram(config).channels(torch.from_numpy(waveform)[None])
    for name, channel, reference in zip(
        ("mel", "chroma", "stft"), ours, librosa_channels(config, waveform), strict=True
    ):
        # 1e-4 of each value; what is a millionth of the loudest is lost in float32 for librosa, too.
        tolerance = 1e-6 * np.abs(reference).max() + 1e-9
        np.testing.assert_allclose(channel[0].numpy(), reference, rtol=1e-4, atol=tolerance, err_msg=name)


@pytest.mark.filterwarnings("ignore:Empty filters")
@settings(deadline=None, max_examples=30)
@given(config=spectrogram_settings(), samples=st.integers(1, 8_000), batch=st.integers(1, 3))
def test_the_image_is_three_channels_of_equal_height_and_a_frame_a_hop(config, samples, batch):
    images = Spectrogram(config)(torch.zeros(batch, samples))
    assert images.shape == (batch, 3, config.bands, 1 + samples // config.hop_length)
    assert images.dtype == torch.float32


@pytest.mark.parametrize("chroma_kind", ["power", "peak"])
@pytest.mark.parametrize("bands", [12, 32, 50, 128])
def test_the_image_is_logs_of_power_stretched_to_the_same_height(bands, chroma_kind):
    config = SMALL.model_copy(update={"bands": bands, "log_offset": 1e-3, "chroma": chroma_kind})
    waveform = waveform_of("noise", 4_000, 16_000, 0)
    mel, chroma, stft = librosa_channels(config, waveform)
    image = Spectrogram(config)(torch.from_numpy(waveform)[None])[0].numpy()
    np.testing.assert_allclose(image[0], np.log(mel + 1e-3), atol=1e-3)
    shown = np.log(chroma + 1e-3) if chroma_kind == "power" else chroma
    np.testing.assert_allclose(image[1], shown[np.arange(bands) * 12 // bands], atol=1e-3)
    # A row of the STFT channel is the mean of what lies between its edges: a difference of the running integral.
    edges = np.linspace(0, len(stft), bands + 1)
    integral = np.vstack([np.zeros_like(stft[:1]), np.cumsum(stft, axis=0)])
    at_edges = np.stack([np.interp(edges, np.arange(len(integral)), column) for column in integral.T], axis=1)
    rows = np.diff(at_edges, axis=0) / np.diff(edges)[:, None]
    np.testing.assert_allclose(image[2], np.log(rows**2 + 1e-3), atol=1e-3)


def test_louder_is_brighter_and_nothing_is_normalised_per_clip():
    quiet = torch.from_numpy(waveform_of("noise", 4_000, 16_000, 0))
    module = Spectrogram(SMALL.model_copy(update={"log_offset": 1e-12}))
    difference = (module(10 * quiet[None]) - module(quiet[None]))[0]
    twenty_db = torch.full_like(difference[0], np.log(100))
    torch.testing.assert_close(difference[0], twenty_db, atol=1e-2, rtol=0)
    torch.testing.assert_close(difference[2], twenty_db, atol=1e-2, rtol=0)
    torch.testing.assert_close(difference[1], twenty_db, atol=1e-2, rtol=0)
    peaks = Spectrogram(SMALL.model_copy(update={"chroma": "peak"}))
    torch.testing.assert_close(peaks(10 * quiet[None])[0, 1], peaks(quiet[None])[0, 1], atol=1e-3, rtol=0)


def mixed_batch(samples, batch):
    order = ["noise", "silence", "tone", "click", "whisper", "voice then silence", "full scale"]
    rows = [waveform_of(order[n % len(order)], samples, 16_000, n) for n in range(batch)]
    return torch.from_numpy(np.stack(rows))


def test_a_batch_gives_what_its_clips_give_alone():
    waveforms, module = mixed_batch(4_000, 7), Spectrogram(SMALL)
    alone = torch.cat([module(waveform[None]) for waveform in waveforms])
    torch.testing.assert_close(module(waveforms), alone, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("batch", [9, 10, 11, 45])
def test_parts_that_fit_a_cpus_cache_give_what_the_whole_batch_gives(batch, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    waveforms, module = mixed_batch(16_000, batch), Spectrogram(SMALL)
    torch.testing.assert_close(module(waveforms), module._whole(waveforms), rtol=1e-4, atol=1e-4)


# In a process of its own: what an export starts in this one cannot be forked, and other tests fork.
EXPORT = """
import sys
import torch
from emoclr.augment.settings import SpectrogramSettings
from emoclr.augment.spectrogram import Spectrogram

capture, path = sys.argv[1:]
any_size = ({0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC},)
module = Spectrogram(SpectrogramSettings(sample_rate=16_000, n_fft=64, hop_length=32, bands=12))
given = (torch.randn(21, 16_000),)
if capture == "onnx":
    import onnxruntime

    torch.onnx.export(module, given, path, dynamo=True, dynamic_shapes=any_size, verbose=False)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    exported = lambda waveforms: torch.from_numpy(session.run(None, {name: waveforms.numpy()})[0])
elif capture == "export":
    exported = torch.export.export(module, given, dynamic_shapes=any_size).module()
else:
    exported = torch.jit.trace(module, given)
for batch, samples in ((1, 800), (9, 16_001), (33, 24_000)):
    waveforms = torch.randn(batch, samples) * torch.rand(batch, 1)
    torch.testing.assert_close(exported(waveforms), module(waveforms), rtol=0, atol=1e-4)
"""


# A part holds ten clips of a second: were the parts of the batch at hand kept, rows of others would be lost.
@pytest.mark.parametrize("capture", ["onnx", "export", "trace"])
def test_what_is_exported_takes_batches_and_lengths_of_any_size(capture, tmp_path):
    words = [sys.executable, "-W", "ignore", "-c", EXPORT, capture, str(tmp_path / "spectrogram.onnx")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_the_scripted_module_gives_the_same():
    waveforms, module = mixed_batch(8_000, 41), Spectrogram(SMALL)
    scripted = torch.jit.script(module)
    torch.testing.assert_close(scripted(waveforms), module(waveforms), rtol=1e-5, atol=1e-5)


def test_gradients_are_those_of_finite_differences():
    module = Spectrogram(SpectrogramSettings(n_fft=64, hop_length=32, bands=12)).double()
    generator = torch.Generator().manual_seed(0)
    waveforms = torch.randn(2, 200, dtype=torch.double, generator=generator).requires_grad_()
    assert torch.autograd.gradcheck(module, waveforms, fast_mode=True)


@pytest.mark.parametrize("kind", ["silence", "voice then silence", "click", "tone", "full scale"])
def test_gradients_are_finite_even_in_digital_silence(kind):
    waveforms = torch.from_numpy(waveform_of(kind, 4_000, 16_000, 0))[None].requires_grad_()
    weights = torch.randn(Spectrogram(SMALL)(waveforms).shape, generator=torch.Generator().manual_seed(0))
    (Spectrogram(SMALL)(waveforms) * weights).sum().backward()
    assert waveforms.grad is not None and torch.isfinite(waveforms.grad).all()
    assert kind == "silence" or waveforms.grad.abs().max() > 0


def test_the_constants_take_no_place_in_a_checkpoint():
    assert Spectrogram(SMALL).state_dict() == {}


def test_rows_know_their_place_on_the_mel_axis():
    module = Spectrogram(SMALL)
    # A tone is brightest in the rows whose place is nearest to its own.
    for hz in (700.0, 1_500.0, 3_100.0, 6_000.0):
        tone = torch.sin(2 * np.pi * hz * torch.arange(8_000) / 16_000)[None]
        image = module(tone)[0].mean(dim=2)  # (3, bands)
        place = librosa.hz_to_mel(hz) / librosa.hz_to_mel(8_000)
        for row, axis in ((0, module.mel_axis), (2, module.stft_axis)):
            assert abs(int(image[row].argmax()) - int((axis - place).abs().argmin())) <= 1


@pytest.mark.parametrize(("rate", "n_fft", "bands"), [(16_000, 1024, 96), (8_000, 256, 32), (22_050, 2048, 128)])
def test_filters_and_axes_are_those_of_librosa_to_the_last_bit(rate, n_fft, bands):
    module = Spectrogram(SpectrogramSettings(sample_rate=rate, n_fft=n_fft, hop_length=n_fft // 4, bands=bands))
    mel = librosa.filters.mel(sr=rate, n_fft=n_fft, n_mels=bands)
    chroma = librosa.filters.chroma(sr=rate, n_fft=n_fft, tuning=0.0)
    np.testing.assert_array_equal(module.filters, np.concatenate([mel, chroma]))
    centres = librosa.hz_to_mel(librosa.mel_frequencies(n_mels=bands + 2, fmax=rate / 2)[1:-1])
    np.testing.assert_array_equal(module.mel_axis, np.float32(centres / librosa.hz_to_mel(rate / 2)))
