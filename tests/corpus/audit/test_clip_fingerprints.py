"""Fingerprints know a clip by its file, whatever its name and part, and by its sound, in whatever lossless form."""

import shutil

import numpy as np
import soundfile as sf

from emoclr.corpus.audit.clip_fingerprints import clip_fingerprints
from emoclr.corpus.clips.clip_table import Clip
from emoclr.corpus.decoded.waveforms import open_waveforms

RATE = 16_000


def prints_of(folder, clips):
    store = open_waveforms(clips, cache_dir=folder / "cache", workers=1)
    return clip_fingerprints(store, range(len(store)))


def test_a_copy_in_another_form_sounds_the_same_and_a_part_is_of_the_same_file(tmp_path):
    noise = np.random.default_rng(0).integers(-16_000, 16_000, RATE).astype(np.int16)
    sf.write(tmp_path / "a.wav", noise, RATE)
    sf.write(tmp_path / "a.flac", noise, RATE)
    shutil.copy(tmp_path / "a.wav", tmp_path / "b.wav")
    padded = np.concatenate([np.zeros(300), noise / 32_768, np.zeros(500)])
    sf.write(tmp_path / "padded.wav", padded, RATE, subtype="PCM_24")
    sf.write(tmp_path / "other.wav", noise[::-1], RATE)
    names = ("a.wav", "a.flac", "b.wav", "padded.wav", "other.wav")
    found = prints_of(tmp_path, [*(Clip(tmp_path / name) for name in names), Clip(tmp_path / "a.wav", 0.5, 0.9)])
    files, sounds = found[:, 0].tolist(), found[:, 1].tolist()
    assert [sound == sounds[0] for sound in sounds] == [True, True, True, True, False, False]
    assert [file == files[0] for file in files] == [True, False, True, False, False, True]


def test_clips_without_a_sound_are_told_apart_by_their_files(tmp_path):
    for name, length in (("a.wav", RATE), ("b.wav", 2 * RATE)):
        sf.write(tmp_path / name, np.zeros(length), RATE)
    found = prints_of(tmp_path, [Clip(tmp_path / "a.wav"), Clip(tmp_path / "b.wav")])
    assert (found[:, 0] == found[:, 1]).all() and len(np.unique(found)) == 2
