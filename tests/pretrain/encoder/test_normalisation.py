import numpy as np
import pytest
import soundfile as sf
import torch

from emoclr.augment.settings import AugmentSettings, SpectrogramSettings
from emoclr.augment.spectrogram import Spectrogram
from emoclr.augment.views import ViewMaker
from emoclr.corpus.clips.clip_table import Clip
from emoclr.corpus.decoded.waveforms import open_waveforms
from emoclr.pretrain.encoder.normalisation import measure_normalisation

SETTINGS = SpectrogramSettings(n_fft=512, bands=32)


@pytest.fixture
def levels(tmp_path):
    rng = np.random.default_rng(0)
    clips = []
    for number, level in enumerate((0.0, 0.001, 0.02, 0.2, 0.3)):
        clips.append(Clip(tmp_path / f"{number}.wav"))
        sf.write(clips[-1].path, level * rng.uniform(-1, 1, 8_000), 16_000)
    return open_waveforms(clips)


def measured(store, clips=None, seed=0):
    maker = ViewMaker(AugmentSettings(), 8_000, 16_000, seed)
    normalisation = measure_normalisation(store, maker, SETTINGS, clips)
    return np.array([normalisation.mean, normalisation.std])


def by_hand(store, clips):
    waveforms = torch.from_numpy(np.stack([store.waveform(clip) for clip in clips]))
    images = Spectrogram(SETTINGS)(waveforms).double().numpy()
    return np.array([images.mean(axis=(0, 2, 3)), images.std(axis=(0, 2, 3))])


def test_levels_are_mean_and_deviation_of_each_channel_over_the_corpus(levels):
    np.testing.assert_allclose(measured(levels), by_hand(levels, range(5)), atol=2e-5)


def test_only_the_clips_that_may_be_measured_are(levels):
    np.testing.assert_allclose(measured(levels, np.array([1, 3])), by_hand(levels, [1, 3]), atol=2e-5)


def test_a_corpus_of_silence_gives_no_division_by_zero(levels):
    mean, std = measured(levels, np.array([0]))
    assert np.isfinite(mean).all() and (std > 0).all()
