import json

import fsspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st

from emoclr.configs.errors import ConfigError, EmoclrError
from emoclr.corpus.parallel.engines import LocalEngine
from emoclr.corpus.tars.shards import write_shards
from emoclr.corpus.tars.tar import write_tar
from emoclr.corpus.tars.tar_corpus import expand_tars, open_tars

COUNTS = (3, 1, 4, 2)

pytestmark = pytest.mark.usefixtures("in_this_process")


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    """Four tars of 3, 1, 4 and 2 clips that nobody wrote cards for; clip i holds the byte i."""
    folder = tmp_path_factory.mktemp("foreign")
    clip = 0
    for tar, count in enumerate(COUNTS):
        members = []
        for number in range(clip, clip + count):
            members += [
                (f"{number}.json", json.dumps({"speaker": number % 2}).encode()),
                (f"{number}.wav", b"%d" % number),
            ]
        write_tar(folder / f"c-{tar:02}.tar", members)
        clip += count
    return folder


@pytest.fixture(scope="module")
def corpus(foreign, tmp_path_factory):
    return open_tars([f"{foreign}/c-{{00..03}}.tar"], None, tmp_path_factory.mktemp("cache"))


@pytest.fixture
def shards(write_tone, write_csv, tmp_path):
    """A train and a test tar with cards."""
    rows = ["path,speaker,split"]
    for number in range(5):
        write_tone(f"{number}.wav", duration_s=0.5)
        rows.append(f"{number}.wav,s{number % 2},{('train', 'test')[number % 2]}")
    write_shards([write_csv(*rows)], tmp_path / "tars", LocalEngine(), "flac", 1)
    return tmp_path / "tars"


def test_tars_without_cards_are_counted(corpus):
    assert corpus.counts.tolist() == list(COUNTS)
    assert corpus.speaker_names == ["0", "1"]


@budget(deadline=None, max_examples=25)
@given(order=st.permutations(range(4)), bounds=st.lists(st.integers(0, 10), min_size=2, max_size=2).map(sorted))
def test_a_stretch_is_those_clips_of_the_tars_one_after_the_other(corpus, order, bounds):
    clips = np.split(np.arange(10), np.cumsum(COUNTS)[:-1])
    expected = np.concatenate([clips[tar] for tar in order])[slice(*bounds)]
    assert [int(sample.key) for sample in corpus.stretch(np.array(order), *bounds)] == expected.tolist()


def test_only_the_tars_of_a_stretch_are_opened(corpus, monkeypatch):
    import emoclr.corpus.tars.members as members

    opened = []
    monkeypatch.setattr(members, "open_url", lambda url: opened.append(url[-9:]) or open(url, "rb"))  # noqa: PTH123, SIM115
    assert [sample.key for sample in corpus.stretch(np.arange(4), 3, 5)] == ["3", "4"]
    assert opened == ["/c-01.tar"[-9:], "/c-02.tar"[-9:]]


def test_a_sample_takes_some_of_every_tar(corpus):
    assert sorted(int(sample.key) for sample in corpus.sample(4, seed=0)) == [0, 3, 4, 8]
    assert len(list(corpus.sample(1000, seed=0))) == 10


def test_clips_that_a_broken_tar_no_longer_holds_keep_their_places(shards, tmp_path):
    (first, _) = sorted(shards.glob("*.tar"))
    first.write_bytes(first.read_bytes()[:5_000])
    corpus = open_tars([str(first)], None, tmp_path)
    samples = list(corpus.stretch(np.arange(1), 0, 3))
    assert len(samples) == 3
    lost = [sample for sample in samples if sample.problem]
    assert lost and not lost[-1].audio
    assert lost[-1].problem == "unexpected end of data" and "corpus-000000.tar: clip 2" in lost[-1].name


def test_cards_say_what_there_is_without_a_tar_being_read(shards, tmp_path, capsys):
    corpus = open_tars([f"{shards}/corpus-{{000000..000001}}.tar"], None, tmp_path)
    assert corpus.counts.tolist() == [3, 2] and corpus.speaker_names == ["s0", "s1"]
    assert corpus.duration_s == pytest.approx(2.5)
    assert "no card" not in capsys.readouterr().err


def test_tars_of_other_splits_stay_out(shards, tmp_path):
    pattern = f"{shards}/corpus-{{000000..000001}}.tar"
    assert open_tars([pattern], ["train", "validation"], tmp_path).speaker_names == ["s0"]
    with pytest.raises(ConfigError, match="no clips in the splits validation"):
        open_tars([pattern], ["validation"], tmp_path)


def test_the_fingerprint_goes_with_the_content_and_not_with_the_place(shards, tmp_path):
    memory = fsspec.filesystem("memory")
    for path in shards.iterdir():
        memory.pipe(f"/elsewhere/{path.name}", path.read_bytes())
    here, there = (
        open_tars([f"{place}/corpus-{{000000..000001}}.tar"], None, tmp_path)
        for place in (shards, "memory://elsewhere")
    )
    assert here.fingerprint == there.fingerprint
    assert open_tars([f"{shards}/corpus-000000.tar"], None, tmp_path).fingerprint != here.fingerprint
    order = np.arange(2)
    assert list(map(vars, here.stretch(order, 0, 5)))[4]["audio"] == list(there.stretch(order, 0, 5))[4].audio


def test_what_was_counted_once_is_remembered(foreign, tmp_path, capsys):
    first = open_tars([f"{foreign}/c-00.tar"], None, tmp_path)
    capsys.readouterr()
    (remembered,) = (tmp_path / "tars").iterdir()
    written = remembered.stat().st_mtime_ns
    assert open_tars([f"{foreign}/c-00.tar"], None, tmp_path).fingerprint == first.fingerprint
    assert remembered.stat().st_mtime_ns == written
    assert "read once" not in capsys.readouterr().err


def test_what_cannot_be_read_is_named_and_the_rest_is_counted(tmp_path, capsys):
    about = json.dumps({"speaker": "\ud83d"}).encode()
    write_tar(
        tmp_path / "a.tar",
        [("take.1.wav", b"x"), ("take.2.wav", b"y"), ("take.json", about), ("caf\udce9.wav", b"z"), ("b.json", b"")],
    )
    for _ in range(2):
        corpus = open_tars([str(tmp_path / "a.tar")], None, tmp_path / "cache")
        assert corpus.counts.tolist() == [4] and corpus.speaker_names == ["\ud83d"]
        told = capsys.readouterr().err
        if "read once" in told:
            assert f"{tmp_path}/a.tar: b: no recording in it, only json\n" in told
            assert all(f"a.tar: {name}.wav: " in told for name in ("take.1", "take.2", r"caf\xe9"))
    assert "read once" not in told


def test_what_is_remembered_of_a_tar_and_was_damaged_is_counted_again(tmp_path):
    write_tar(tmp_path / "a.tar", [("1.wav", b"x")])
    for content in (None, b"", b"{}", b"[" * 100_000):
        assert open_tars([str(tmp_path / "a.tar")], None, tmp_path / "cache").counts.tolist() == [1]
        if content is not None:
            (remembered,) = (tmp_path / "cache" / "tars").iterdir()
            remembered.write_bytes(content)


def test_a_tar_that_changed_is_counted_again(tmp_path):
    for count in (1, 2):
        write_tar(tmp_path / "a.tar", [(f"{number}.wav", b"x") for number in range(count)])
        assert open_tars([str(tmp_path / "a.tar")], None, tmp_path).counts.tolist() == [count]


def test_a_missing_tar_is_named(tmp_path):
    with pytest.raises(EmoclrError, match=r"a-1\.tar: no such file"):
        open_tars([f"{tmp_path}/a-{{1..2}}.tar"], None, tmp_path)


def test_braces_stand_for_many_tars():
    assert expand_tars(["s3://b/c-{008..011}.tar", "d.tar"]) == [
        *(f"s3://b/c-{number}.tar" for number in ("008", "009", "010", "011")),
        "d.tar",
    ]


@pytest.mark.parametrize(
    ("sources", "problem"),
    [
        (["a-{0..1.tar"], "brace is not closed"),
        (["a.tar", "recordings"], "recordings: is no tar, and tars cannot be mixed"),
        (["a-{0..1}.tar", "a-1.tar"], r"a-1\.tar: is named twice"),
    ],
)
def test_wrong_patterns_are_refused(sources, problem):
    with pytest.raises(ConfigError, match=problem):
        expand_tars(sources)
