import librosa
import numpy as np
import pytest

from emoclr.augment.settings import AugmentSettings
from emoclr.augment.views import ViewMaker
from emoclr.pretrain.data.clip_readers import StoredClips
from emoclr.pretrain.data.functionals.functionals import FUNCTIONALS, functionals, power_spectra
from emoclr.pretrain.data.functionals.pitch import FFT_SAMPLES
from emoclr.pretrain.data.functionals.spectral_contours import CEPSTRA, MEL_BANDS, NAMES, spectral_contours
from emoclr.pretrain.data.views import ViewDataset

RATE = 16_000


def named(waveform):
    return dict(zip(FUNCTIONALS, functionals(waveform.astype(np.float32)).tolist(), strict=True))


def syllables(seconds=2.0, per_s=4.0, hz=150.0, glide=0.0):
    """Harmonics that swell `per_s` times a second; their pitch rises by `glide` semitones a second."""
    time_s = np.arange(int(seconds * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(hz * 2 ** (glide * time_s / 12)) / RATE
    return 0.1 * sum(np.sin(k * phase) / k for k in range(1, 20)) * (1.02 - np.cos(2 * np.pi * per_s * time_s))


def test_each_functional_has_a_name_of_its_own():
    assert len(set(FUNCTIONALS)) == len(FUNCTIONALS) == len(functionals(syllables().astype(np.float32)))
    assert np.isfinite(functionals(syllables().astype(np.float32))).all()


def test_numbers_are_those_of_what_was_made():
    found = named(syllables(per_s=4, hz=150, glide=3))
    assert found["pitch_slope"] == pytest.approx(3, abs=0.1)
    assert found["pitch_median"] == pytest.approx(12 * np.log2(1.5) + 3, abs=0.1)
    assert found["pitch_spread"] == pytest.approx(0.6 * 2 * 3, rel=0.05)
    assert found["energy_peaks_per_s"] == pytest.approx(4, abs=0.5)
    assert found["voiced_share"] == 1
    beats = 10 * np.log10(np.exp(-1.5 * np.arange(3 * RATE) / RATE) ** 2)
    assert named(syllables(3, per_s=0) * 10 ** (beats / 20))["energy_slope"] == pytest.approx(-13.03, abs=0.05)


def test_stretches_of_voice_are_counted():
    noise = 0.02 * np.random.default_rng(0).standard_normal(2 * RATE)
    voiced = (np.arange(2 * RATE) // (RATE // 4)) % 2 == 0
    found = named(np.where(voiced, syllables(per_s=0), noise))
    assert found["voiced_runs_per_s"] == pytest.approx(2, abs=0.1)
    assert found["voiced_run_s"] == pytest.approx(0.25, abs=0.05)
    assert found["voiced_share"] == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("gain", [0.01, 3.0])
def test_level_does_not_enter(gain):
    speech = syllables(glide=2) + 0.003 * np.random.default_rng(0).standard_normal(2 * RATE)
    np.testing.assert_allclose(list(named(gain * speech).values()), list(named(speech).values()), rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("samples", [1, 700, 1_024, 1_400, 5_000])
def test_what_does_not_exist_is_nan_and_all_else_is_finite(samples):
    noise = np.random.default_rng(0).standard_normal(samples)
    found = named(noise)
    assert all(np.isnan(value) for name, value in found.items() if name.startswith("pitch"))
    assert np.isnan(found["voiced_run_s"]) and found["voiced_share"] < 0.5
    assert np.isfinite([value for name, value in found.items() if name.endswith(("_mean", "_std"))]).all()
    for nothing in (np.zeros(samples), np.full(samples, np.nan)):
        assert np.isnan(functionals(nothing.astype(np.float32))).all()


def test_cepstra_and_slopes_are_librosas_and_a_regressions():
    power = power_spectra((syllables() + 0.01 * np.random.default_rng(0).standard_normal(2 * RATE)).astype(np.float32))
    contours = dict(zip(NAMES, spectral_contours(power).T, strict=True))
    filters = librosa.filters.mel(sr=RATE, n_fft=FFT_SAMPLES, n_mels=MEL_BANDS)
    level_db = 10 * np.log10(filters @ power.T)
    cepstra = librosa.feature.mfcc(S=level_db, n_mfcc=CEPSTRA + 1)[1:]
    np.testing.assert_allclose([contours[f"mfcc_{n}"] for n in range(1, CEPSTRA + 1)], cepstra, atol=0.02)
    hz = librosa.mel_frequencies(MEL_BANDS + 2, fmax=RATE / 2)[1:-1]
    inside = (hz >= 500) & (hz < 2_500)
    slopes = np.polyfit(hz[inside] / 1_000, level_db[inside], 1)[0]
    np.testing.assert_allclose(contours["slope_high"], slopes, atol=0.02)
    bins_hz = np.arange(power.shape[1]) * RATE / FFT_SAMPLES
    low, high = (power[:, (bins_hz >= a) & (bins_hz < b)].sum(axis=1) for a, b in ((50, 1_000), (1_000, 5_000)))
    np.testing.assert_allclose(contours["alpha_ratio"], 10 * np.log10(high / low), atol=0.02)


def test_the_data_processes_measure_the_crop_before_it_is_augmented(store):
    transforms = [{"name": "AddNoise", "p": 1.0, "min_snr_db": 0, "max_snr_db": 0}, {"name": "RoomResponse", "p": 1.0}]
    maker = ViewMaker(AugmentSettings.model_validate({"transforms": transforms, "nearby_s": 0.2}), 8_000, RATE, 0)
    reader = StoredClips(store)
    differ = set()
    for clip in (store.samples.argmax(), store.samples.argmin()):
        batch = ViewDataset(reader, maker, with_functionals=True)[2, int(clip)]
        starts = [maker.crop_start(int(store.samples[clip]), 2, int(clip), view) for view in (0, 1)]
        differ.add(starts[0] != starts[1])
        expected = [functionals(store.crop(int(clip), start, 8_000)) for start in starts]
        np.testing.assert_array_equal(batch.functionals, expected)
    assert differ == {True, False}
    assert ViewDataset(reader, maker)[2, 3].functionals.shape == (2, 0)
