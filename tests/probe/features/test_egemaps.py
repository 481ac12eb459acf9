"""The eGeMAPS baseline, and what is said where openSMILE is not installed."""

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from emoclr.corpus.clips.clip_table import Clip
from emoclr.corpus.decoded.waveforms import WaveformStore, open_waveforms
from emoclr.probe.features import egemaps as module
from emoclr.probe.features.egemaps import EGEMAPS, MISSING, N_FUNCTIONALS, egemaps
from emoclr.probe.features.features import features_of, missing_features
from emoclr.probe.settings import ProbeSettings

RATE = 16_000
PITCHES_HZ = (110.0, 220.0)
F0_SEMITONES = 0
"""The first functional: the mean pitch in semitones above 27.5 Hz."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> WaveformStore:
    """Two voiced tones an octave apart, 50 ms of noise, and a square wave that is as loud as can be."""
    folder = tmp_path_factory.mktemp("egemaps")
    times_s = np.arange(RATE // 2) / RATE
    tones = [sum(0.1 / n * np.sin(2 * np.pi * n * pitch * times_s) for n in range(1, 9)) for pitch in PITCHES_HZ]
    noise = 0.1 * np.random.default_rng(0).normal(size=RATE // 20)
    square = np.where(np.arange(RATE // 2) // 50 % 2, 1.0, -1.0)
    for number, samples in enumerate((*tones, noise, square)):
        sf.write(folder / f"{number}.wav", samples, RATE, subtype="FLOAT")
    return open_waveforms([Clip(folder / f"{number}.wav") for number in range(4)], cache_dir=folder / "cache")


def test_pitch_is_heard_and_short_and_loud_clips_give_numbers(store: WaveformStore, tmp_path: Path) -> None:
    pytest.importorskip("opensmile")
    found = egemaps(store, tmp_path)
    assert found.shape == (4, N_FUNCTIONALS) and found.dtype == np.float32
    assert np.isfinite(found).all()
    semitones = 12 * np.log2(np.array(PITCHES_HZ) / 27.5)
    assert found[:2, F0_SEMITONES] == pytest.approx(semitones, abs=0.2)


def test_what_was_computed_is_kept_and_half_a_file_is_not_used(
    store: WaveformStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed = np.arange(4 * N_FUNCTIONALS, dtype=np.float32).reshape(4, -1)
    calls = []
    monkeypatch.setattr(module, "_computed", lambda store: calls.append(len(store)) or computed)
    assert (egemaps(store, tmp_path) == computed).all() and (egemaps(store, tmp_path) == computed).all()
    assert calls == [4]
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(kept.read_bytes()[:200])
    assert (egemaps(store, tmp_path) == computed).all()
    assert calls == [4, 4]


def test_without_opensmile_the_report_says_how_to_get_it_and_that_it_is_for_research(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("emoclr.probe.features.features.egemaps_installed", lambda: False)
    assert EGEMAPS not in [described.name for described in features_of({}, ProbeSettings())]
    assert missing_features(ProbeSettings()) == [MISSING]
    assert missing_features(ProbeSettings(egemaps=False)) == []
    assert ".[baselines]" in MISSING and "pip install opensmile" in MISSING and "research" in MISSING
    monkeypatch.setattr("emoclr.probe.features.features.egemaps_installed", lambda: True)
    assert missing_features(ProbeSettings()) == []
    assert EGEMAPS in [described.name for described in features_of({}, ProbeSettings())]
    assert EGEMAPS not in [described.name for described in features_of({}, ProbeSettings(egemaps=False))]
