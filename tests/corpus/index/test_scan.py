import hashlib
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from emoclr.configs.errors import ConfigError
from emoclr.corpus.clips.sources import clips_from
from emoclr.corpus.index.audio_files import find_audio
from emoclr.corpus.index.index_file import read_index_table
from emoclr.corpus.index.measure_recording import measure_recording
from emoclr.corpus.index.scan import scan

pytestmark = pytest.mark.usefixtures("in_this_process")


class CountingEngine:
    """Reads in this process and remembers what."""

    def __init__(self):
        self.names = []

    def run(self, work, tasks, path_of, lost):
        for task in tasks:
            self.names.append(path_of(task).name)
            yield work(task)


class DyingEngine:
    """Reads a few recordings, then fails as a killed process would: without another word."""

    def __init__(self, after):
        self.after = after

    def run(self, work, tasks, path_of, lost):
        for task in tasks[: self.after]:
            yield work(task)
        raise KeyboardInterrupt


class CrashingEngine:
    """Loses every recording to a decoder that crashes."""

    def run(self, work, tasks, path_of, lost):
        return (lost(task, "its decoder crashed: SIGSEGV") for task in tasks)


def rows_of(index):
    return read_index_table(index).to_pylist()


def name_of(row):
    return Path(os.fsdecode(row["path"])).name


def test_a_row_says_what_the_file_is_and_what_is_heard(tmp_path):
    rate, times = 44_100, np.arange(66_150) / 44_100
    left = 0.5 * np.sin(2 * np.pi * 440 * times)
    path = tmp_path / "a.flac"
    sf.write(path, np.stack([left, 0.5 * left], axis=1), rate)
    row = measure_recording(os.fsencode(path))
    assert (row.size, row.modified) == (path.stat().st_size, path.stat().st_mtime_ns)
    assert row.fingerprint == hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()
    assert row.duration_s == pytest.approx(1.5, abs=1e-3)
    assert (row.sample_rate, row.channels, row.status, row.reason) == (44_100, 2, "ok", "")
    # The mean of the two channels is a sine of amplitude 0.375.
    assert row.peak_db == pytest.approx(20 * math.log10(0.375), abs=0.05)
    assert row.rms_db == pytest.approx(20 * math.log10(0.375 / math.sqrt(2)), abs=0.05)


@pytest.mark.parametrize("name", ["a.wav", "a.opus", "a.mp3"])
def test_silence_has_a_level_of_minus_infinity_and_stays_in(name, write_tone):
    row = measure_recording(os.fsencode(write_tone(name, level=0.0)))
    assert (row.rms_db, row.peak_db, row.status) == (-math.inf, -math.inf, "ok")


def test_a_header_that_promises_more_than_there_is_does_not_make_a_recording_longer(tmp_path, write_tone):
    path = write_tone("a.wav", duration_s=2.0)
    path.write_bytes(path.read_bytes()[: 44 + 16_000 * 2])
    assert measure_recording(os.fsencode(path)).duration_s == 1.0


def test_what_cannot_be_read_is_a_row_with_its_reason(tmp_path, write_tone):
    good = write_tone("good.ogg")
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("no recording")
    (tmp_path / "dangling.wav").symlink_to(tmp_path / "nowhere.wav")
    os.mkfifo(tmp_path / "pipe.wav")
    lines, _ = scan([tmp_path], tmp_path / "index.parquet")
    reasons = {name_of(row): (row["status"], row["reason"]) for row in rows_of(tmp_path / "index.parquet")}
    assert reasons.pop(good.name) == ("ok", "")
    assert reasons.pop("text.wav")[1].startswith("cannot be read as audio")
    assert reasons == {
        "empty.wav": ("set aside", "empty file (0 bytes)"),
        "dangling.wav": ("set aside", "no such file"),
        "pipe.wav": ("set aside", "not a file"),
    }
    assert lines[0] == "1 recording, 0.00 h; 4 set aside"
    assert f"  {tmp_path / 'empty.wav'}: empty file (0 bytes)" in lines


def test_recordings_without_sound_are_counted(tmp_path, write_tone):
    write_tone("audio/a.wav")
    silent = [write_tone(f"audio/{name}.mp3", level=level) for name, level in (("b", 0.0), ("c", 0.0007))]
    lines, readable = scan([tmp_path / "audio"], tmp_path / "index.parquet")
    assert f"2 recordings silent, no sample above -60 dBFS (such as {silent[0]})" in lines and readable == 3


@pytest.mark.parametrize(
    ("ending", "container", "subtype"),
    [
        (".sf", "IRCAM", "PCM_16"),
        (".ircam", "IRCAM", "PCM_16"),
        (".paf", "PAF", "PCM_16"),
        (".pvf", "PVF", "PCM_16"),
        (".svx", "SVX", "PCM_16"),
        (".wve", "WVE", "ALAW"),
    ],
)
def test_forms_that_are_seldom_met_are_read_by_their_endings(ending, container, subtype, tmp_path):
    tone = 0.5 * np.sin(np.arange(8_000) / 5)
    sf.write(tmp_path / f"a{ending}", tone, 8_000, subtype, format=container)
    (path,) = find_audio([tmp_path])
    row = measure_recording(os.fsencode(path))
    assert (row.status, row.sample_rate) == ("ok", 8_000)


def test_a_name_with_a_line_break_stays_on_its_line_of_the_summary(tmp_path):
    (tmp_path / "two\nlines.wav").touch()
    lines, _ = scan([tmp_path], tmp_path / "index.parquet")
    assert lines[1] == rf"  {tmp_path}/two\nlines.wav: empty file (0 bytes)"


@pytest.mark.parametrize("name", ["index.parquet", "index.csv"])
def test_only_what_is_new_or_changed_is_read_again(name, tmp_path, write_tone):
    for number in range(5):
        write_tone(f"audio/{number}.wav", duration_s=0.1)
    out = tmp_path / name
    scan([tmp_path / "audio"], out)
    before = rows_of(out)

    engine = CountingEngine()
    lines, _ = scan([tmp_path / "audio"], out, engine)
    assert engine.names == [] and rows_of(out) == before
    assert lines[1] == "0 new, 0 changed, 0 gone, 5 as before"

    (tmp_path / "audio/0.wav").unlink()
    write_tone("audio/1.wav", duration_s=0.2)
    touched = tmp_path / "audio/2.wav"
    os.utime(touched, ns=(1, touched.stat().st_mtime_ns + 1))
    write_tone("audio/new.wav")
    lines, _ = scan([tmp_path / "audio"], out, engine)
    assert engine.names == ["1.wav", "2.wav", "new.wav"]
    assert lines[1] == "1 new, 2 changed, 1 gone, 2 as before"
    after = rows_of(out)
    assert [name_of(row) for row in after] == ["1.wav", "2.wav", "3.wav", "4.wav", "new.wav"]
    assert after[0]["duration_s"] == 0.2 and after[2:4] == before[3:]
    assert after[1] == {**before[2], "modified": touched.stat().st_mtime_ns}


def test_a_file_whose_bytes_could_not_be_read_is_tried_again_and_a_bad_one_is_not(tmp_path, write_tone):
    (tmp_path / "dangling.wav").symlink_to(tmp_path / "elsewhere.flac")
    (tmp_path / "bad.wav").write_text("no recording")
    engine = CountingEngine()
    scan([tmp_path], tmp_path / "index.parquet", engine)
    scan([tmp_path], tmp_path / "index.parquet", engine)
    assert engine.names == ["bad.wav", "dangling.wav", "dangling.wav"]
    sf.write(tmp_path / "elsewhere.flac", np.zeros(16_000), 16_000)
    lines, _ = scan([tmp_path / "dangling.wav"], tmp_path / "index.parquet")
    assert lines[0].startswith("1 recording,") and lines[-1] == "0 new, 1 changed, 1 gone, 0 as before"


def test_a_file_that_crashes_its_decoder_is_set_aside_and_left_alone_until_it_changes(tmp_path, write_tone):
    path = write_tone("audio/a.wav")
    lines, _ = scan([tmp_path / "audio"], tmp_path / "index.parquet", CrashingEngine())
    assert lines[1] == f"  {path}: its decoder crashed: SIGSEGV"
    engine = CountingEngine()
    scan([tmp_path / "audio"], tmp_path / "index.parquet", engine)
    assert engine.names == []
    os.utime(path, ns=(1, 1))
    scan([tmp_path / "audio"], tmp_path / "index.parquet", engine)
    assert engine.names == ["a.wav"] and rows_of(tmp_path / "index.parquet")[0]["status"] == "ok"


def test_a_scan_that_broke_off_goes_on_where_it_was(tmp_path, write_tone, capsys):
    for number in range(6):
        write_tone(f"audio/{number}.wav", duration_s=0.1)
    whole, broken = tmp_path / "whole.parquet", tmp_path / "broken.parquet"
    scan([tmp_path / "audio"], whole)
    with pytest.raises(KeyboardInterrupt):
        scan([tmp_path / "audio"], broken, DyingEngine(after=4))
    assert not broken.exists()
    journal = tmp_path / ".broken.parquet.partial"
    journal.write_bytes(journal.read_bytes()[:-30])  # the last line is torn
    with pytest.raises(KeyboardInterrupt):
        scan([tmp_path / "audio"], broken, DyingEngine(after=1))

    os.utime(tmp_path / "audio/0.wav", ns=(1, 1))  # changed since it was journalled
    engine = CountingEngine()
    scan([tmp_path / "audio"], broken, engine)
    assert engine.names == ["0.wav", "4.wav", "5.wav"]
    assert "going on with a scan that did not end, after 4 recordings" in capsys.readouterr().err
    assert not journal.exists()
    assert rows_of(broken)[1:] == rows_of(whole)[1:]
    assert rows_of(broken)[0] == {**rows_of(whole)[0], "modified": 1}


_SCAN_AND_DIE = """
import os, signal, sys
from pathlib import Path
from emoclr.corpus.index.scan import scan

class Dying:
    def run(self, work, tasks, path_of, lost):
        for task in tasks[:20]:
            yield work(task)
        os.kill(os.getpid(), signal.SIGKILL)

scan([Path(sys.argv[1])], Path(sys.argv[2]), Dying())
"""


def test_a_killed_process_loses_only_what_it_was_reading(tmp_path, write_tone):
    tone = write_tone("audio/00.wav", duration_s=0.1)
    for number in range(1, 30):
        os.link(tone, tmp_path / f"audio/{number:02}.wav")
    out = tmp_path / "index.parquet"
    command = [sys.executable, "-c", _SCAN_AND_DIE, tmp_path / "audio", out]
    killed = subprocess.run(command, cwd=Path(__file__).parents[3], check=False)
    assert killed.returncode == -signal.SIGKILL and not out.exists()
    engine = CountingEngine()
    scan([tmp_path / "audio"], out, engine)
    assert engine.names == [f"{number:02}.wav" for number in range(20, 30)]
    assert len(rows_of(out)) == 30


def test_names_of_any_bytes_are_read_and_kept(tmp_path, write_tone):
    content = write_tone("audio/a.wav", duration_s=0.1).read_bytes()
    names = [b"caf\xe9.wav", b"line\nbreak.wav", b" blank .wav", b'quote".wav']
    for name in names:
        (tmp_path / "audio" / os.fsdecode(name)).write_bytes(content)
    for out in (tmp_path / "index.parquet", tmp_path / "index.csv"):
        with pytest.raises(KeyboardInterrupt):
            scan([tmp_path / "audio"], out, DyingEngine(after=4))
        scan([tmp_path / "audio"], out)
        rows = rows_of(out)
        assert {name_of(row) for row in rows} == {"a.wav", *map(os.fsdecode, names)}
        assert {row["status"] for row in rows} == {"ok"}
        engine = CountingEngine()
        scan([tmp_path / "audio"], out, engine)
        assert engine.names == []


def test_something_else_under_the_name_of_the_index_is_left_alone(tmp_path, write_csv):
    labels = write_csv("path,joy", "a.wav,1")
    with pytest.raises(ConfigError, match=r"labels.csv: is there, and no index of `corpus scan`"):
        scan([tmp_path], labels)
    assert labels.read_text() == "path,joy\na.wav,1\n"
    with pytest.raises(ConfigError, match=r"index.txt: an index ends in .parquet or .csv"):
        scan([tmp_path], tmp_path / "index.txt")


def test_one_recording_named_in_two_ways_is_one(tmp_path, write_tone, monkeypatch):
    write_tone("audio/a.wav")
    monkeypatch.chdir(tmp_path)
    scan([tmp_path / "audio", "audio", "audio/../audio/a.wav"], tmp_path / "index.parquet")
    assert [row["path"] for row in rows_of(tmp_path / "index.parquet")] == [os.fsencode(tmp_path / "audio/a.wav")]


def test_a_recording_that_breaks_off_is_partial_and_used(tmp_path, write_tone):
    whole = write_tone("audio/whole.wav", duration_s=1.0).read_bytes()
    (tmp_path / "audio" / "cut.wav").write_bytes(whole[: len(whole) // 2])
    out = tmp_path / "index.csv"
    lines, _ = scan([tmp_path / "audio"], out)
    assert lines[0].startswith("2 recordings") and "0 set aside" in lines[0]
    assert "1 recording in part only:" in lines and any("cut.wav" in line and "of 1.00 s" in line for line in lines)
    assert len(clips_from([out])) == 2
