import io
import json
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import webdataset as wds

from emoclr.configs.errors import ConfigError
from emoclr.corpus.audio.decoder import read_waveform
from emoclr.corpus.audio.samples import to_int16
from emoclr.corpus.index.scan import scan
from emoclr.corpus.parallel.engines import LocalEngine
from emoclr.corpus.tars.shards import SPEAKER_GROUP, write_shards
from emoclr.corpus.tars.tar import read_card, read_samples

RATE = 16_000

pytestmark = pytest.mark.usefixtures("in_this_process")


@pytest.fixture
def recordings(write_tone, tmp_path):
    """Twelve recordings of three speakers in several formats, one of them unreadable, and their labels.csv."""
    rows = ["path,joy,anger,speaker,split"]
    for number in range(12):
        ending = (".wav", ".mp3", ".flac")[number % 3]
        write_tone(f"in/{number:02}{ending}", rate=(16_000, 44_100)[number % 2], hz=200 + 50 * number, duration_s=0.4)
        split = "test" if number % 3 == 2 else "train"
        rows.append(f"in/{number:02}{ending},{number / 12:g},1,s{number % 3},{split}")
    (tmp_path / "in/07.mp3").unlink()
    (tmp_path / "in/07.mp3").write_text("no recording")
    (tmp_path / "labels.csv").write_text("\n".join(rows) + "\n")
    return tmp_path / "labels.csv"


def shard(sources, out, form="flac", shard_mb=1):
    return write_shards([Path(source) for source in np.atleast_1d(sources)], Path(out), LocalEngine(), form, shard_mb)


def samples_of(tars):
    """All samples of some tars as the webdataset library reads them, by key."""
    data = wds.WebDataset([str(tar) for tar in tars], shardshuffle=False)
    return {sample["__key__"]: sample for sample in data}


def test_webdataset_reads_every_recording_with_all_that_is_known_of_it(recordings, tmp_path):
    samples = samples_of(shard(recordings, tmp_path / "tars"))
    about = {sample["__key__"]: json.loads(sample["json"]) for sample in samples.values()}
    assert sorted(entry["source"] for entry in about.values()) == sorted(
        path.name for path in (tmp_path / "in").iterdir() if path.name != "07.mp3"
    )
    for key, entry in about.items():
        source = tmp_path / "in" / entry["source"]
        number = int(source.stem)
        assert entry["speaker"] == f"s{number % 3}"
        assert entry["labels"] == {"joy": pytest.approx(number / 12, abs=1e-5), "anger": 1.0}
        samples_16, rate = sf.read(io.BytesIO(samples[key]["flac"]), dtype="int16")
        assert rate == RATE and entry["duration_s"] == pytest.approx(len(samples_16) / RATE, abs=1e-4)
        np.testing.assert_array_equal(samples_16, to_int16(read_waveform(source)))


def test_recordings_that_differ_behind_the_first_dot_of_their_names_stay_apart(write_tone, tmp_path):
    for number in (1, 2):
        write_tone(f"in/take.{number}.wav", hz=300 * number)
    (tar,) = shard(tmp_path / "in", tmp_path / "tars", form="original")
    assert {json.loads(sample["json"])["source"]: sample["wav"] for sample in samples_of([tar]).values()} == {
        path.name: path.read_bytes() for path in (tmp_path / "in").iterdir()
    }
    assert sorted(sample.audio for sample in read_samples(str(tar))) == sorted(
        path.read_bytes() for path in (tmp_path / "in").iterdir()
    )


def test_a_card_says_what_its_tar_holds(recordings, tmp_path):
    tars = shard(recordings, tmp_path / "tars")
    assert [path.name for path in tars] == ["corpus-000000.tar", "corpus-000001.tar"]
    train, test = (read_card(str(tar)) for tar in tars)
    assert (train.split, train.clips, train.speakers) == ("train", 7, ["s0", "s1"])
    assert (test.split, test.clips, test.speakers) == ("test", 4, ["s2"])
    assert train.duration_s == pytest.approx(7 * 0.4, abs=0.4)
    assert train.size_bytes == tars[0].stat().st_size


def test_what_cannot_be_read_is_set_aside_and_named(recordings, tmp_path, capsys):
    tars = shard(recordings, tmp_path / "tars/speech-%03d.tar")
    assert tars[0].name == "speech-000.tar"
    assert (tmp_path / "tars/speech-set-aside.txt").read_text().startswith("07.mp3: ")
    assert [name for name, _ in read_card(str(tars[0])).set_aside] == ["07.mp3"]
    told = capsys.readouterr().err
    assert "1 of 12 recordings set aside" in told and "11 clips" in told
    assert f"data='{tmp_path}/tars/speech-{{000..001}}.tar'" in told


def test_names_of_any_bytes_are_set_aside_on_one_line_and_the_command_runs_again(write_tone, tmp_path, capsys):
    write_tone("in/good.wav")
    for name in (b"caf\xe9.wav", b"two\nlines.wav"):
        (tmp_path / "in" / os.fsdecode(name)).touch()
    (tar,) = shard(tmp_path / "in", tmp_path / "tars")
    named = [r"caf\xe9.wav", r"two\nlines.wav"]
    assert sorted(name for name, _ in read_card(str(tar)).set_aside) == named
    listed = (tmp_path / "tars/corpus-set-aside.txt").read_text().splitlines()
    assert sorted(listed) == [f"{name}: empty file (0 bytes)" for name in named]
    assert shard(tmp_path / "in", tmp_path / "tars") == [tar]
    assert "1 of 1 tar finished before" in capsys.readouterr().err


def test_what_an_index_set_aside_is_named_too(write_tone, tmp_path, capsys):
    write_tone("in/good.wav")
    (tmp_path / "in/empty.wav").touch()
    scan([tmp_path / "in"], tmp_path / "index.csv")
    shard(tmp_path / "index.csv", tmp_path / "tars")
    listed = (tmp_path / "tars/corpus-set-aside.txt").read_text()
    assert listed == f"{tmp_path}/in/empty.wav: empty file (0 bytes)\n"
    assert "1 of 2 recordings set aside" in capsys.readouterr().err


def test_original_files_stay_as_they_are(recordings, tmp_path):
    for sample in samples_of(shard(recordings, tmp_path / "tars", form="original")).values():
        source = tmp_path / "in" / json.loads(sample["json"])["source"]
        assert sample[source.suffix[1:]] == source.read_bytes()


def test_a_part_of_a_recording_is_that_part(write_tone, write_csv, tmp_path):
    recording = write_tone("long.wav", duration_s=2.0)
    table = write_csv("path,start_s,end_s", "long.wav,0.5,1.25", "long.wav,1.5,")
    for form in ("flac", "original"):
        samples = samples_of(shard(table, tmp_path / form, form=form))
        found = {json.loads(sample["json"])["start_s"]: sample["flac"] for sample in samples.values()}
        for start_s, end_s in ((0.5, 1.25), (1.5, 2.0)):
            expected = to_int16(read_waveform(recording, start_s, end_s))
            np.testing.assert_array_equal(sf.read(io.BytesIO(found[start_s]), dtype="int16")[0], expected)


def test_a_long_recording_becomes_clips_of_a_minute_at_most_that_join_to_the_whole(write_tone, tmp_path):
    recording = write_tone("in/long.flac", duration_s=150.0)
    (tar,) = shard(recording.parent, tmp_path / "tars")
    samples = samples_of([tar])
    parts = [sf.read(io.BytesIO(samples[key]["flac"]), dtype="int16")[0] for key in sorted(samples)]
    assert [len(part) for part in parts] == [50 * RATE] * 3
    np.testing.assert_array_equal(np.concatenate(parts), to_int16(read_waveform(recording)))


def test_the_same_recordings_make_the_same_bytes_wherever_they_lie(recordings, tmp_path):
    first = shard(recordings, tmp_path / "one")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "in").rename(elsewhere / "in")
    recordings.rename(elsewhere / "labels.csv")
    second = shard(elsewhere / "labels.csv", tmp_path / "two")
    assert [tar.read_bytes() for tar in first] == [tar.read_bytes() for tar in second]


def test_the_same_command_goes_on_where_it_was_stopped(recordings, tmp_path, capsys):
    first, second = shard(recordings, tmp_path / "tars")
    contents = [first.read_bytes(), second.read_bytes()]
    written = first.stat().st_mtime_ns
    # As a kill between a tar and its card leaves it.
    second.with_suffix(".json").unlink()
    second.write_bytes(b"half")
    shard(recordings, tmp_path / "tars")
    assert "1 of 2 tars finished before" in capsys.readouterr().err
    assert first.stat().st_mtime_ns == written
    assert [first.read_bytes(), second.read_bytes()] == contents


def test_a_recording_that_changed_is_written_anew(recordings, write_tone, tmp_path):
    first, second = shard(recordings, tmp_path / "tars")
    before, untouched = first.read_bytes(), second.stat().st_mtime_ns
    write_tone("in/00.wav", hz=900, duration_s=0.6)
    shard(recordings, tmp_path / "tars")
    assert first.read_bytes() != before
    assert second.stat().st_mtime_ns == untouched


def test_a_stop_half_way_leaves_whole_tars_only(recordings, tmp_path, monkeypatch):
    class Stops(LocalEngine):
        def run(self, *work):
            for number, result in enumerate(super().run(*work)):
                if number == 10:
                    raise KeyboardInterrupt
                yield result

    with pytest.raises(KeyboardInterrupt):
        write_shards([recordings], tmp_path / "tars", Stops(), "flac", 1)
    assert sorted(path.name for path in (tmp_path / "tars").iterdir()) == ["corpus-000000.json", "corpus-000000.tar"]
    with tarfile.open(tmp_path / "tars/corpus-000000.tar") as tar:
        assert len(tar.getnames()) == 2 * 7


def test_tars_are_about_as_large_as_asked(write_tone, tmp_path):
    for number in range(8):
        write_tone(f"in/{number}.wav", rate=48_000, duration_s=4.0)  # 384 kB each
    tars = shard(tmp_path / "in", tmp_path / "tars", shard_mb=1, form="original")
    assert [read_card(str(tar)).clips for tar in tars] == [3, 3, 2]


def test_clips_of_a_speaker_stand_together_in_groups(write_tone, write_csv, tmp_path):
    write_tone("a.wav", duration_s=0.05)
    rows = [f"a.wav,{number / 1000:g},{number / 1000 + 0.005:g},s{number % 3}" for number in range(3 * SPEAKER_GROUP)]
    (tar,) = shard(write_csv("path,start_s,end_s,speaker", *rows), tmp_path / "tars")
    speakers = [json.loads(sample["json"])["speaker"] for sample in samples_of([tar]).values()]
    groups = [speakers[first : first + SPEAKER_GROUP] for first in range(0, 3 * SPEAKER_GROUP, SPEAKER_GROUP)]
    assert sorted(set(map(frozenset, groups)), key=sorted) == [{"s0"}, {"s1"}, {"s2"}]


def test_tars_of_a_longer_corpus_that_are_left_over_are_named(recordings, tmp_path, capsys):
    shard(recordings, tmp_path / "tars")
    (tmp_path / "tars/corpus-000002.tar").write_bytes(b"")
    shard(recordings, tmp_path / "tars")
    assert f"warning: {tmp_path}/tars/corpus-000002.tar is of an earlier, longer run" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["corpus.tar", "corpus-%d.tar", "corpus-{000..001}.tar"])
def test_a_name_without_a_place_for_the_number_is_refused(recordings, tmp_path, name):
    with pytest.raises(ConfigError, match="no place for the tars' numbers"):
        shard(recordings, tmp_path / name)


def test_a_source_without_recordings_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="no recordings"):
        shard(tmp_path / "empty", tmp_path / "tars")
