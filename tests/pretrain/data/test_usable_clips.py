import shutil

import numpy as np
import pytest
import soundfile as sf

from emoclr.corpus.clips.sources import clips_from
from emoclr.corpus.decoded.waveforms import open_waveforms
from emoclr.corpus.parallel.engines import LocalEngine
from emoclr.corpus.tars.shards import write_shards
from emoclr.corpus.tars.tar import write_tar
from emoclr.pretrain.data.unreadable_clips import SET_ASIDE
from emoclr.pretrain.data.usable_clips import usable_clips

RATE = 16_000


@pytest.fixture(scope="module")
def folders(write_noise, tmp_path_factory):
    """Folders of 10 files each of which nothing can be learned."""
    place = tmp_path_factory.mktemp("useless")
    for kind in ("silent", "copies", "short"):
        (place / kind).mkdir()
    one = write_noise(place / "one.wav", 0.6, True, False, 0)
    for number in range(10):
        sf.write(place / f"silent/{number}.wav", np.full(RATE, 0.0009 * (number % 2)), RATE)
        shutil.copy(one, place / f"copies/{number}.wav")
        write_noise(place / f"short/{number}.wav", 0.02, True, False, number)
    return place


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("silent", "has 0 clips to train on (10 silent left out)"),
        ("copies", "has 1 clip to train on (9 equal to another left out)"),
        ("short", "has 0 clips to train on (10 shorter than 0.1 s left out)"),
    ],
)
def test_a_corpus_of_which_nothing_can_be_learned_is_refused(kind, told, folders, run, tmp_path):
    ran = run(tmp_path / "run", f"data={folders / kind}")
    assert ran.code == 2
    assert f"error: batch_size 8: the corpus {told}, and a batch needs as many; add recordings" in ran.told
    assert not (tmp_path / "run").exists()


def test_the_same_is_refused_from_tars_that_others_made(folders, run, tmp_path):
    tar = tmp_path / "corpus.tar"
    write_tar(tar, ((path.name, path.read_bytes()) for path in sorted((folders / "copies").iterdir())))
    ran = run(tmp_path / "run", f"data={tar}")
    assert ran.code == 2
    assert (
        "of 10 clips that were looked at, 9 equal to another" in ran.told
        and "a batch needs as many clips with sound" in ran.told
    )
    assert not (tmp_path / "run").exists()


def test_silence_does_not_get_into_tars(folders, write_noise, tmp_path, capsys):
    voice = write_noise(tmp_path / "in/voice.wav", 0.6, True, False, 1)
    shutil.copy(folders / "silent/0.wav", tmp_path / "in/silence.wav")
    for form in ("flac", "original"):
        write_shards([voice.parent], tmp_path / form, LocalEngine(), form, 1)
        told = capsys.readouterr().err
        assert "  silence.wav: silent, no sample above -60 dBFS\n" in told and "1 clip, " in told


def test_what_cannot_be_learned_from_is_left_out_told_and_named(folders, write_noise, run, tmp_path):
    corpus = tmp_path / "corpus"
    for number in range(8):
        write_noise(corpus / f"{number}.wav", 0.6, True, False, 100 + number)
    shutil.copy(corpus / "3.wav", corpus / "again.wav")
    shutil.copy(folders / "silent/1.wav", corpus / "silence.wav")
    shutil.copy(folders / "short/0.wav", corpus / "tick.wav")
    ran = run(tmp_path / "run", f"data={corpus}", "epochs=1")
    assert ran.code == 0, ran.told
    assert "3 of 11 clips left out: 1 silent, 1 shorter than 0.1 s, 1 equal to another\n" in ran.told
    assert "\n8 clips, 0.00 h, speakers unknown; 3 set aside, named in " in ran.told
    assert (tmp_path / "run" / SET_ASIDE).read_text().splitlines() == [
        f"{corpus / 'silence.wav'}: silent",
        f"{corpus / 'tick.wav'}: shorter than 0.1 s",
        f"{corpus / 'again.wav'}: a copy of {corpus / '3.wav'}",
    ]


def test_of_copies_the_one_whose_speaker_is_known_stays_and_parts_are_no_copies(write_noise, write_table, tmp_path):
    for name in ("a.wav", "b.wav"):
        write_noise(tmp_path / name, 1.2, True, False, 7)
    rows = [
        ["a.wav", "", "", ""],
        ["b.wav", "anna", "", ""],
        ["a.wav", "", 0, 0.5],
        ["b.wav", "", 0.5, 1],
        ["b.wav", "", 0, 0.5],
    ]
    clips = clips_from([write_table(tmp_path / "clips.csv", ["path", "speaker", "start_s", "end_s"], rows)])
    assert usable_clips(open_waveforms(clips), clips).rows.tolist() == [1, 2, 3]
