from pathlib import Path

import numpy as np
import pytest

from emoclr.configs.errors import ConfigError
from emoclr.corpus.clips.clip_table import Clip
from emoclr.corpus.clips.path_array import PathArray
from emoclr.corpus.clips.plain_csv import read_plain_clips
from emoclr.corpus.clips.sources import clips_from, clips_of, set_aside_by
from emoclr.corpus.index.index_file import IndexRow, table_of, write_index
from emoclr.corpus.labels.labels_csv import read_clips
from emoclr.corpus.labels.tables.text_table import LabelsError


def test_sources_may_be_folders_files_and_tables(tmp_path, write_tone, write_csv):
    in_folder, alone = write_tone("folder/x.wav"), write_tone("y.flac")
    table = write_csv(
        "path,speaker,split,start_s,end_s",
        "folder/x.wav,1,train,,",
        "y.flac,2,test,,",
        "z.wav,3,validation,0.5,1.5",
        name="one/labels.csv",
    )
    paths = [clip.path for clip in clips_from([tmp_path / "folder", alone])]
    assert paths == [in_folder, alone]
    clips = clips_from([table], splits=["train", "validation"])
    assert list(clips) == [
        Clip(tmp_path / "one" / "folder" / "x.wav", speaker="1"),
        Clip(tmp_path / "one" / "z.wav", 0.5, 1.5, "3"),
    ]


def test_equal_names_in_two_corpora_are_two_speakers(write_csv):
    tables = [write_csv("path,speaker", f"{name}.wav,1", name=f"{name}/labels.csv") for name in "ab"]
    assert [clip.speaker for clip in clips_from(tables)] == ["a/labels/1", "b/labels/1"]


def test_a_clip_of_two_sources_comes_once_with_its_speaker(tmp_path, write_tone, write_csv):
    write_tone("folder/x.wav")
    table = write_csv("path,speaker", "folder/x.wav,ann")
    (clip,) = clips_from([tmp_path / "folder", table])
    assert clip.speaker is not None and clip.speaker.endswith("/ann")


def test_sources_that_give_nothing_are_errors(tmp_path, write_csv):
    with pytest.raises(ConfigError, match="nowhere"):
        clips_from([tmp_path / "nowhere"])
    with pytest.raises(ConfigError, match=r"none\.csv"):
        clips_from([tmp_path / "none.csv"])
    table = write_csv("path,split", "x.wav,test")
    with pytest.raises(ConfigError, match="no recordings in the splits train"):
        clips_from([table], splits=["train"])
    with pytest.raises(ConfigError, match="'dev' is no split"):
        clips_from([table], splits=["dev"])


def test_a_table_of_other_splits_is_named_among_sources_that_give_something(tmp_path, write_csv, capsys):
    tables = [write_csv("path,split", f"{split}.wav,{split}", name=f"{split}.csv") for split in ("train", "test")]
    assert len(clips_from(tables, splits=["train"])) == 1
    assert capsys.readouterr().err == f"no recordings in the splits train in {tables[1]}\n"


def test_an_index_of_broken_recordings_gives_nothing_whatever_the_splits(tmp_path, capsys):
    write_index(tmp_path / "index.csv", table_of([row(tmp_path / "x.wav", status="set aside")]))
    with pytest.raises(ConfigError, match=r"no recordings in .*index\.csv"):
        clips_from([tmp_path / "index.csv"], splits=["train"])
    assert f"  {tmp_path / 'x.wav'}: odd" in capsys.readouterr().err


def test_speakers_of_two_sources_get_codes_of_their_own(write_csv):
    tables = [write_csv("path,speaker", f"{n}.wav,{n}", f"x{n}.wav,", name=f"{n}/labels.csv") for n in "ab"]
    clips = clips_from(tables)
    assert clips.speaker_names == ["a/labels/a", "b/labels/b"]
    assert clips.speakers.tolist() == [0, -1, 1, -1]


def row(path, size=1, fingerprint="0" * 31 + "1", status="ok"):
    return IndexRow(
        bytes(path), size, 5, fingerprint, 1.0, 16_000, 1, -20.0, -10.0, status, "" if status == "ok" else "odd"
    )


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_what_an_index_sets_aside_is_counted_and_named(tmp_path, ending, capsys):
    odd = row(tmp_path / "x.wav", status="set aside")._replace(path=bytes(tmp_path) + b"/caf\xe9\n.wav")
    write_index(tmp_path / f"index.{ending}", table_of([row(tmp_path / "a.wav"), odd]))
    sources = [tmp_path / f"index.{ending}", tmp_path]
    assert [clip.path.name for clip in clips_from(sources[:1])] == ["a.wav"]
    assert f"1 of 2 recordings in {sources[0]} set aside by the index" in capsys.readouterr().err
    assert set_aside_by(sources) == [(rf"{tmp_path}/caf\xe9\n.wav", "odd")]


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_an_index_gives_its_readable_recordings_and_what_it_knows_of_them(tmp_path, ending):
    names = [tmp_path / "a b.wav", tmp_path / "line\nbreak.wav", tmp_path / "broken.wav", tmp_path / "c.wav"]
    rows = [row(names[0]), row(names[1], 2, "ab" * 16), row(names[2], status="set aside"), row(names[3], 3, None)]
    odd = row(tmp_path / "x.wav")._replace(path=bytes(tmp_path) + b"/\xff.wav")
    index = tmp_path / f"index.{ending}"
    write_index(index, table_of([*rows, odd]))
    clips = clips_from([index])
    assert clips.paths.name(3) == bytes(tmp_path) + b"/\xff.wav"
    assert [clip.path for clip in clips][:3] == [names[0], names[1], names[3]]
    assert clips.sizes.tolist() == [1, 2, 3, 1] and clips.modified.tolist() == [5] * 4
    assert clips.digests[1] == b"\xab" * 16 and clips.digests[2] == b""


def test_a_table_of_clips_can_be_taken_apart_and_joined(write_csv):
    table = write_csv("path,speaker,start_s,end_s", "a.wav,1,,", "b.wav,,1,2", "a.wav,2,0.5,", "c.wav,3,,")
    clips = clips_from([table])
    some = clips.take(np.array([3, 1, 0]))
    assert list(some) == [clips[3], clips[1], clips[0]]
    assert some.speaker_names == ["1", "3"]


@pytest.mark.parametrize("hashed", [hash, lambda name: len(name), lambda name: 0])
def test_paths_are_told_apart_whatever_their_hashes(monkeypatch, hashed):
    monkeypatch.setattr("emoclr.corpus.clips.path_array.hash", hashed, raising=False)
    names = [f"/{number % 7}{'x' * (number % 3)}.wav" for number in range(200)]
    codes = PathArray.of(map(Path, names)).codes()
    assert set(codes.tolist()) == set(range(21))
    assert len(set(zip(names, codes.tolist(), strict=True))) == 21


def test_a_part_that_comes_twice_stands_once_where_it_came_first(write_csv):
    rows = ["b.wav,,,", "a.wav,,1,2", "a.wav,ann,1,2", "a.wav,,1,", "b.wav,,,", "c.wav,bob,,"]
    clips = clips_from([write_csv("path,speaker,start_s,end_s", *rows)])
    parts = [(clip.path.name, clip.start_s, clip.end_s, clip.speaker) for clip in clips]
    assert parts == [
        ("b.wav", 0, None, None),
        ("a.wav", 1, 2, "ann"),
        ("a.wav", 1, None, None),
        ("c.wav", 0, None, "bob"),
    ]


def test_a_csv_of_many_blocks_is_read_as_one_of_few_rows(tmp_path):
    """Several megabytes, so that speakers, splits and what is wrong stand in different blocks."""
    place = "/recordings/" + "x" * 200
    rows = [f"{place}/{row}.wav,s{row * 7 % 50},{('train', 'test')[row * 7 % 2]}" for row in range(20_000)]
    source = tmp_path / "labels.csv"
    source.write_text("path,speaker,split\n" + "\n".join(rows))
    clips = read_plain_clips(source, ["test"], "")
    assert clips is not None and len(clips) == 10_000
    assert [clip.speaker for clip in clips] == [f"s{row * 7 % 50}" for row in range(1, 20_000, 2)]
    assert clips.speaker_names == sorted({f"s{number}" for number in range(1, 50, 2)})
    for wrong in (f"{place}/z.wav,s0,test", f"{place}/z.wav,s0,dev", f"{place}/z.wav,s0", ",s0,train"):
        source.write_text("path,speaker,split\n" + "\n".join([*rows, wrong]))
        assert read_plain_clips(source, None, "") is None
        with pytest.raises(LabelsError, match="row 20002"):
            read_clips(source)


PLAIN = [
    ["path", "a.wav", "/b.wav"],
    ["path,speaker,note", 'a.wav,1,"x, y"', '"b ""b"".wav",,"two\nlines"'],
    ["path,split,speaker", "a.wav,train,1", "b.wav,test,2", "c.wav,train,", "d.wav,test,"],
    ["path,start_s,end_s", "a.wav,,", "a.wav,0.5,1.5", "b.wav,1,"],
    ["\ufeffpath,speaker", "a.wav,1", "", "é.wav,ö"],
]


@pytest.mark.parametrize("lines", PLAIN)
@pytest.mark.parametrize("splits", [None, ["train"]])
def test_the_quick_reader_of_a_csv_gives_what_the_careful_one_does(write_csv, lines, splits):
    source = write_csv(*lines)
    careful = read_clips(source)
    if splits and careful.splits:
        careful = careful.select([split in splits for split in careful.splits])
    quick = read_plain_clips(source, splits, "p/")
    assert quick is not None
    assert list(quick) == list(clips_of(careful, "p/"))


@pytest.mark.parametrize(
    "lines",
    [
        ["path,start_s", "a.wav,nan"],
        ["path,start_s", "a.wav,-1"],
        ["path,start_s,end_s", "a.wav,2,1"],
        ["path,end_s", "a.wav,inf"],
        ["path,split", "a.wav,trian"],
        ["path,split", "a.wav,"],
        ["path,split,speaker", "a.wav,train,1", "b.wav,test,1", "c.wav,test,2"],
        ["path,speaker", "a.wav,1", " ,2"],
        ["path,speaker", "a.wav,1,3"],
        ["path,path", "a.wav,b.wav"],
        ["file,audio", "a.wav,b.wav"],
        ["path,start_s", "a.wav,soon"],
    ],
)
def test_the_quick_reader_leaves_what_is_wrong_to_the_careful_one(write_csv, lines):
    source = write_csv(*lines)
    assert read_plain_clips(source, None, "") is None
    with pytest.raises(LabelsError):
        read_clips(source)


def test_a_fold_is_left_out_of_the_tables_that_name_it(write_csv, tmp_path):
    rows = [f"{clip}.wav,s{clip},{clip % 3}" for clip in range(6)]
    folds = write_csv("path,speaker,fold", *rows, name="folds.csv")
    other = write_csv("path,speaker", "x.wav,x", name="other.csv")
    found = clips_from([folds, other], without_fold="1")
    assert [clip.path.name for clip in found] == ["0.wav", "2.wav", "3.wav", "5.wav", "x.wav"]
    with pytest.raises(ConfigError, match=r"without_fold: 3: .*has the folds 0, 1, 2"):
        clips_from([folds], without_fold="3")
    with pytest.raises(ConfigError, match=r"there are no folds in .*other\.csv"):
        clips_from([other], without_fold="1")
