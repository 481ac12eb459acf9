import librosa
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emoclr.augment.masks import apply_masks, draw_masks
from emoclr.augment.settings import MaskSettings, SpectrogramSettings
from emoclr.augment.spectrogram import Spectrogram

SETTINGS = SpectrogramSettings(n_fft=512, hop_length=160, bands=40)
TOP_MEL = librosa.hz_to_mel(8_000)


@pytest.fixture(scope="module")
def axes():
    module = Spectrogram(SETTINGS)
    return module.mel_axis, module.stft_axis


@settings(deadline=None, max_examples=100)
@given(
    config=st.builds(
        MaskSettings,
        time_masks=st.integers(0, 4),
        max_time_s=st.floats(0, 3),
        frequency_masks=st.integers(0, 4),
        max_frequency=st.floats(0, 0.5),
    ),
    duration_s=st.floats(0.1, 10),
    seed=st.integers(0, 2**32),
)
def test_masks_lie_within_their_axis_and_are_no_wider_than_asked(config, duration_s, seed):
    masks = draw_masks(config, duration_s, np.random.default_rng(seed))
    assert masks.shape == (config.time_masks + config.frequency_masks, 2)
    assert masks.dtype == np.float32
    assert (masks >= 0).all() and (masks <= 1 + 1e-6).all()
    width = masks[:, 1] - masks[:, 0]
    assert (width >= 0).all()
    assert (width[: config.time_masks] * duration_s <= min(config.max_time_s, duration_s) + 1e-5).all()
    assert (width[config.time_masks :] <= config.max_frequency + 1e-6).all()


def test_widths_and_places_are_spread_over_all_that_is_allowed():
    config = MaskSettings(time_masks=1, max_time_s=0.5, frequency_masks=1, max_frequency=0.2)
    rng = np.random.default_rng(0)
    drawn = np.stack([draw_masks(config, 2.0, rng) for _ in range(2_000)])  # (draws, masks, 2)
    width = drawn[..., 1] - drawn[..., 0]
    for mask, widest in enumerate((0.25, 0.2)):
        shares = np.quantile(width[:, mask] / widest, [0.1, 0.5, 0.9])
        assert shares == pytest.approx([0.1, 0.5, 0.9], abs=0.05)
        assert drawn[:, mask, 0].min() < 0.01 and drawn[:, mask, 1].max() > 0.99


def test_a_time_mask_hides_its_stretch_of_all_three_channels_and_nothing_else(axes):
    images = torch.rand(1, 3, 40, 50) + 1
    masked = apply_masks(images, torch.tensor([[[0.2, 0.5]]]), 1, *axes)
    assert (masked[..., 10:25] == 0).all()
    assert torch.equal(masked[..., :10], images[..., :10]) and torch.equal(masked[..., 25:], images[..., 25:])


@settings(deadline=None, max_examples=60)
@given(low_hz=st.floats(0, 7_000), width=st.floats(0.02, 0.3))
def test_a_frequency_mask_hides_the_same_hertz_in_mel_and_stft_and_leaves_the_chroma(low_hz, width):
    start = float(librosa.hz_to_mel(low_hz) / TOP_MEL)
    end = min(1.0, start + width)
    high_hz = float(librosa.mel_to_hz(end * TOP_MEL))
    module = Spectrogram(SETTINGS)
    masked = apply_masks(torch.ones(1, 3, 40, 7), torch.tensor([[[start, end]]]), 0, module.mel_axis, module.stft_axis)
    # Centres of the rows in Hz, from their definitions: mel bands, and neighbouring bins of the STFT averaged.
    mel_hz = librosa.mel_frequencies(n_mels=42, fmin=0, fmax=8_000)[1:-1]
    edges = np.linspace(0, 257, 41)
    stft_hz = ((edges[:-1] + edges[1:]) / 2 - 0.5) * 16_000 / 512
    for channel, hz in ((0, mel_hz), (2, stft_hz)):
        hidden = (masked[0, channel] == 0).all(dim=1).numpy()
        shown = (masked[0, channel] == 1).all(dim=1).numpy()
        assert (hidden | shown).all()
        sure = (np.abs(hz - low_hz) > 1) & (np.abs(hz - high_hz) > 1)
        np.testing.assert_array_equal(hidden[sure], ((hz >= low_hz) & (hz < high_hz))[sure])
    assert (masked[0, 1] == 1).all()


def test_every_image_gets_its_own_masks_and_all_of_them(axes):
    config = MaskSettings(time_masks=2, max_time_s=0.5, frequency_masks=2, max_frequency=0.3)
    rng = np.random.default_rng(0)
    masks = torch.from_numpy(np.stack([draw_masks(config, 1.0, rng) for _ in range(5)]))
    images = torch.rand(5, 3, 40, 60)
    together = apply_masks(images, masks, 2, *axes)
    for image, its, result in zip(images, masks, together, strict=True):
        expected = image[None]
        for number, mask in enumerate(its):
            expected = apply_masks(expected, mask[None, None], int(number < 2), *axes)
        assert torch.equal(result, expected[0])


def test_what_is_hidden_becomes_the_fill_and_what_has_no_mask_stays(axes):
    images = torch.rand(2, 3, 40, 20)
    assert torch.isnan(apply_masks(images, torch.tensor([[[0.0, 1.0]]] * 2), 1, *axes, fill=torch.nan)).all()
    assert torch.equal(apply_masks(images, torch.zeros(2, 0, 2), 0, *axes), images)
    assert torch.equal(apply_masks(images, torch.tensor([[[0.4, 0.4]] * 2] * 2), 1, *axes), images)
