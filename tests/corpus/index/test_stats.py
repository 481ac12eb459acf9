import io
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from emoclr.configs.errors import ConfigError
from emoclr.corpus.cli import main
from emoclr.corpus.index.index_file import IndexRow, table_of, write_index
from emoclr.corpus.index.scan import scan
from emoclr.corpus.index.stats import Labels, Overview, overview_of
from emoclr.corpus.index.stats_figure import draw_overview
from emoclr.corpus.index.stats_tables import print_overview
from emoclr.corpus.index.stats_verdict import verdict_of


def good(name, duration_s, rms_db=-20.0, peak_db=-6.0, rate=16_000, channels=1):
    return IndexRow(name, 1_000, 1, "0" * 32, duration_s, rate, channels, rms_db, peak_db, "ok", "")


def bad(name, reason):
    return IndexRow(name, 1_000, 1, "0" * 32, None, None, None, None, None, "set aside", reason)


def printed(overview):
    console = Console(file=io.StringIO(), width=80, highlight=False)
    print_overview(overview, console)
    return console.file.getvalue()


@pytest.fixture
def index(tmp_path):
    rows = [
        good(b"/a.wav", 0.4, peak_db=0.0),
        good(b"/b.WAV", 3_600.0, rms_db=-np.inf, peak_db=-np.inf),
        good(b"/c.mp3", 2.0, rate=44_100, channels=2),
        bad(b"/caf\xe9.wav", "empty file (0 bytes)"),
        bad(b"/e.ogg", "empty file (0 bytes)"),
        bad(b"/f", "not a file"),
    ]
    write_index(tmp_path / "index.parquet", table_of(rows))
    return tmp_path / "index.parquet"


@pytest.fixture
def labels(write_tone, write_csv):
    """Returns a labels.csv of five clips, two of them parts of one recording, one of a file that is broken."""
    write_tone("a.wav", duration_s=2.0)
    write_tone("b.flac", duration_s=1.0, rate=44_100)
    (write_tone("broken.wav")).write_text("no recording")
    return write_csv(
        "path,speaker,split,start_s,end_s,joy,anger",
        "a.wav,ann,train,,0.5,1,0",
        "a.wav,ann,train,0.5,9,0.25,0.75",
        "b.flac,bob,test,,,0,0.5",
        "broken.wav,bob,test,,,1,1",
        "missing.wav,eve,validation,,,1,1",
    )


def test_an_index_in_numbers(index):
    overview = overview_of(index)
    assert overview.durations_s.tolist() == [0.4, 3_600.0, 2.0]
    assert overview.rates == {16_000: 2, 44_100: 1} and overview.channels == {1: 2, 2: 1}
    assert overview.formats == {".wav": 2, ".mp3": 1}
    assert overview.aside == [("empty file (0 bytes)", 2), ("not a file", 1)]
    assert overview.labels is None


def test_the_tables_fit_80_columns_and_say_what_stands_out(index):
    text = printed(overview_of(index))
    assert max(len(line) for line in text.splitlines() if not line.startswith("next: ")) <= 80
    assert text.startswith("3 (50.0%) of the recordings cannot be read.\n")
    assert text.splitlines()[-1].startswith("next: Recordings that cannot be read are left out everywhere; ")
    for said in (
        "3 clips, 1.00 h",
        "3 recordings can be read, 3 set aside",
        "under 0.5 s: 1 (33.3%); over 22 s: 1 (33.3%)",
        "peaks at full scale, perhaps clipped: 1 (33.3%); silent: 1 (33.3%)",
        "44,100 Hz",
        "empty file (0 bytes)",
    ):
        assert said in text
    assert "inf" not in text and "nan" not in text


def test_labels_in_numbers(labels):
    overview = overview_of(labels)
    assert overview.durations_s.tolist() == pytest.approx([0.5, 1.5, 1.0], abs=1e-3)
    assert overview.rates == {16_000: 1, 44_100: 1}
    assert [reason.split(":")[0] for reason, _ in overview.aside] == ["cannot be read as audio", "no such file"]
    found = overview.labels
    assert found.emotions == ["joy", "anger"] and found.positive.sum(axis=0).tolist() == [2, 2]
    assert sorted(found.clips_per_speaker) == [1, 2]
    assert [(split.name, split.clips, split.speakers) for split in found.splits] == [
        ("train", 2, 1),
        ("validation", 0, 0),
        ("test", 1, 1),
    ]
    assert found.splits[0].hours == pytest.approx(2.0 / 3600, rel=1e-3)
    text = printed(overview)
    assert max(len(line) for line in text.splitlines() if not line.startswith("next: ")) <= 80
    assert "1.33 emotions a clip" in text and "2 speakers" in text
    assert ["joy", "2", "66.7%", "0.417"] in [line.split() for line in text.splitlines()]


def test_recordings_of_an_index_are_not_read_again(labels, tmp_path):
    scan([tmp_path], tmp_path / "index.parquet")
    before = (tmp_path / "b.flac").stat()
    # Of the same size and time as before, so that only reading it would tell.
    (tmp_path / "b.flac").write_bytes(b"x" * before.st_size)
    os.utime(tmp_path / "b.flac", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert len(overview_of(labels, tmp_path / "index.parquet").durations_s) == 3
    assert len(overview_of(labels).durations_s) == 2


@pytest.mark.parametrize("source", ["index", "labels"])
def test_the_picture_is_a_png(source, request, tmp_path):
    from matplotlib.image import imread

    draw_overview(overview_of(request.getfixturevalue(source)), tmp_path / "stats.png")
    pixels = imread(tmp_path / "stats.png")
    assert pixels.shape[0] > 400 and pixels.shape[1] > 800 and pixels.std() > 0.05


def test_nothing_readable_is_still_told_and_drawn(tmp_path):
    write_index(tmp_path / "index.csv", table_of([bad(b"/a.wav", "empty file (0 bytes)")]))
    overview = overview_of(tmp_path / "index.csv")
    assert "0 recordings can be read, 1 set aside" in printed(overview)
    draw_overview(overview, tmp_path / "stats.png")
    assert (tmp_path / "stats.png").stat().st_size > 1_000


def test_the_command_prints_and_draws(index, tmp_path, capsys):
    assert main(["stats", str(index), "--out", str(tmp_path / "stats.png")]) == 0
    assert "3 clips, 1.00 h" in capsys.readouterr().out
    assert (tmp_path / "stats.png").exists()


def test_what_is_no_index_and_no_labels_is_an_error(tmp_path, labels):
    with pytest.raises(ConfigError, match=r"nowhere.csv: no such file"):
        overview_of(tmp_path / "nowhere.csv")
    with pytest.raises(ConfigError, match=r"nowhere.parquet: no such file"):
        overview_of(labels, tmp_path / "nowhere.parquet")


def test_the_share_from_which_an_emotion_is_there_is_a_setting(labels, capsys):
    assert main(["stats", str(labels), "--positive-share", "0.6"]) == 0
    text = capsys.readouterr().out
    assert "from a share of 0.6 on; 0.67 emotions a clip" in text
    assert ["joy", "1", "33.3%", "0.417"] in [line.split() for line in text.splitlines()]


def made(peak_db=(-6.0,) * 200, durations_s=(2.0,) * 200, aside=0, speakers=20, rare=50, notes=()):
    """A corpus in numbers in which nothing stands out, but for what is asked for."""
    positive = np.arange(200) < rare
    targets = np.stack([positive, ~positive], axis=1).astype(np.float32)
    voices = None if speakers is None else np.full(speakers, 10)
    return Overview(
        source=Path("my labels.csv"),
        durations_s=np.array(durations_s),
        rms_db=np.array(peak_db) - 10,
        peak_db=np.array(peak_db),
        rates=Counter({16_000: len(peak_db)}),
        channels=Counter({1: len(peak_db)}),
        formats=Counter({".wav": len(peak_db)}),
        aside=[("empty", aside)] if aside else [],
        labels=Labels(["fear", "joy"], targets, voices, [], 0.25),
        notes=notes,
    )


@pytest.mark.parametrize(
    ("corpus", "weight", "found", "step"),
    [
        (made(), "good", "Nothing stands out.", "`corpus audit 'my labels.csv'`"),
        (made(aside=1), "good", "Nothing stands out.", "corpus audit"),
        (made(durations_s=(), aside=9), "bad", "None of the recordings can be read", "beside the table"),
        (made(notes=["2 speakers are odd"], aside=50), "open", "2 speakers are odd.", "`corpus stats 'my labels.csv'`"),
        (made(aside=50), "open", "50 (20.0%) of the recordings cannot be read", "reasons are above"),
        (
            made(peak_db=(0.0,) * 60 + (-6.0,) * 140, aside=50),
            "open",
            "60 (30.0%) of the recordings touch",
            "names the clipped ones",
        ),
        (
            made(peak_db=(-np.inf,) * 2 + (-6.0,) * 198),
            "open",
            "2 (1.0%) of the recordings hold no sound",
            "leaves them",
        ),
        (
            made(peak_db=(0.0,) * 60 + (-6.0,) * 140, speakers=None),
            "open",
            "60 (30.0%) of the recordings touch",
            "originals",
        ),
        (made(peak_db=(0.0,) * 10 + (-6.0,) * 190, speakers=None), "open", "Speakers are not known", "--columns"),
        (made(peak_db=(0.0,) * 10 + (-6.0,) * 190), "open", "10 (5.0%) of the recordings touch", "originals"),
        (made(speakers=9), "open", "Only 9 speakers", "Add voices"),
        (made(speakers=None), "open", "Speakers are not known", "--columns speaker="),
        (made(rare=1), "open", "fear is in under 1% of the clips", "probe pick"),
        (made(durations_s=(0.2,) * 120 + (2.0,) * 80), "open", "120 (60.0%) of the clips are shorter", "Longer"),
        (
            made(durations_s=(60.0,) * 120 + (2.0,) * 80),
            "open",
            "120 (60.0%) of the clips are longer",
            "corpus segment",
        ),
    ],
)
def test_what_matters_most_comes_first_and_what_to_do_last(corpus, weight, found, step):
    answer, following = verdict_of(corpus)
    assert (answer.weight, following.kind) == (weight, "next")
    assert answer.text.startswith(found) and step in following.text
    lines = printed(corpus).splitlines()
    assert found in " ".join(lines[:3]) and lines[-1] == following.line
