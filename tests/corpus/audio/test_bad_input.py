"""Recordings as they really are, through all the ways in: reading one, scanning a folder, opening a corpus."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from emoclr.corpus.audio.decoder import SAMPLE_RATE, AudioError, Recording, read_waveform
from emoclr.corpus.cli import main
from emoclr.corpus.clips.sources import clips_from
from emoclr.corpus.decoded.waveforms import open_waveforms
from emoclr.corpus.index.index_file import read_index_table

DURATION_S = 3.0
NOT_UTF_8 = os.fsdecode(b"caf\xe9.wav")
ONE_STEP = 1 / 32_768


def tone(rate: int = SAMPLE_RATE, level: float = 0.5) -> np.ndarray:
    return level * np.sin(2 * np.pi * 440 * np.arange(round(DURATION_S * rate)) / rate)


def write(path: Path, samples: np.ndarray, rate: int = SAMPLE_RATE, subtype: str | None = None) -> bytes:
    if path.suffix == ".opus":
        sf.write(path, samples, rate, "OPUS", format="OGG")
    else:
        sf.write(path, samples, rate, subtype)
    return path.read_bytes()


def write_part(path: Path, share: float) -> None:
    whole = write(path, tone())
    path.write_bytes(whole[: round(share * len(whole))])


def write_with(path: Path, marker: bytes, offset: int, field: bytes) -> None:
    """Writes the tone and puts `field` at `offset` behind the marker."""
    content = bytearray(write(path, tone()))
    at = content.index(marker) + offset
    content[at : at + len(field)] = field
    path.write_bytes(content)


def write_flac_of_length(path: Path, frames: int) -> None:
    # The length is the low 36 bits before the MD5 sum: https://www.rfc-editor.org/rfc/rfc9639#section-8.2
    content = bytearray(write(path, tone()))
    rate_to_length = int.from_bytes(content[18:26], "big")
    content[18:26] = (rate_to_length >> 36 << 36 | frames).to_bytes(8, "big")
    path.write_bytes(content)


SET_ASIDE: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty.wav": (lambda p: p.touch(), r"empty file \(0 bytes\)"),
    "header only.wav": (lambda p: write(p, np.empty(0)), "no samples"),
    "header only.ogg": (lambda p: write(p, np.empty(0)), "no samples"),
    "header cut.wav": (lambda p: p.write_bytes(write(p, tone())[:30]), "cannot be read as audio: "),
    "cut in the header.ogg": (lambda p: write_part(p, 0.02), "cannot be read as audio: "),
    "cut in the header.opus": (lambda p: p.write_bytes(write(p, tone())[:100]), "cannot be read as audio: "),
    "text.wav": (lambda p: p.write_text("this was never a recording\n" * 100), "cannot be read as audio: "),
    "text.mp3": (lambda p: p.write_text("this was never a recording\n" * 100), "cannot be read as audio: no audio"),
    "nan.wav": (lambda p: write(p, np.r_[tone(), np.nan], subtype="FLOAT"), "not finite"),
    "infinite.wav": (lambda p: write(p, np.r_[-np.inf, tone()], subtype="DOUBLE"), "not finite"),
    "beyond sense.wav": (lambda p: write(p, 3e38 * tone(22_050), 22_050, "FLOAT"), "full scale is 1"),
    "one sample at 192 kHz.wav": (lambda p: write(p, np.array([0.5]), 192_000), "no samples"),
    "link to itself.wav": (lambda p: p.symlink_to(p.name), "Too many levels of symbolic links"),
    "link to nothing.wav": (lambda p: p.symlink_to("nothing"), "no such file"),
}

CHANNELS = np.linspace(0.1, 0.8, 8)
CLIPPED = np.clip(tone(level=2.0), -1, 1)

# What is written, what comes back at 16 kHz, and how far off a sample of it may be.
DECODED: dict[str, tuple[Callable[[Path], object], np.ndarray, float]] = {
    "cut.wav": (lambda p: p.write_bytes(write(p, tone())[: 44 + 2 * 20_000]), tone()[:20_000], ONE_STEP),
    "claims 4 GB.wav": (lambda p: write_with(p, b"data", 4, b"\xff" * 4), tone(), ONE_STEP),
    "claims 4 GB.aiff": (lambda p: write_with(p, b"SSND", 4, b"\xff" * 4), tone(), ONE_STEP),
    "length unknown.flac": (lambda p: write_flac_of_length(p, 0), tone(), ONE_STEP),
    "claims 49 days.flac": (lambda p: write_flac_of_length(p, (1 << 36) - 1), tone(), ONE_STEP),
    "silence.flac": (lambda p: write(p, np.zeros(8_000)), np.zeros(8_000), 0.0),
    "clipped.wav": (lambda p: write(p, CLIPPED), CLIPPED, ONE_STEP),
    "too loud.wav": (lambda p: write(p, tone(level=2.0), subtype="FLOAT"), CLIPPED, 1e-6),
    "offset.wav": (lambda p: write(p, tone() + 0.3), tone() + 0.3, ONE_STEP),
    "one sample.wav": (lambda p: write(p, np.array([0.5])), np.array([0.5]), ONE_STEP),
    "8 channels.wav": (lambda p: write(p, np.outer(tone(), CHANNELS)), tone(level=0.5 * 0.45), ONE_STEP),
    "8 kHz.wav": (lambda p: write(p, tone(8_000), 8_000), tone(), 2e-3),
    "192 kHz.wav": (lambda p: write(p, tone(192_000), 192_000), tone(), 2e-3),
    "8 bit.wav": (lambda p: write(p, tone(), subtype="PCM_U8"), tone(), 1 / 128),
    "24 bit.wav": (lambda p: write(p, tone(), subtype="PCM_24"), tone(), 1e-6),
    "64 bit float.wav": (lambda p: write(p, tone(), subtype="DOUBLE"), tone(), 1e-7),
    " with spaces .wav": (lambda p: write(p, tone()), tone(), ONE_STEP),
    "two\nlines.wav": (lambda p: write(p, tone()), tone(), ONE_STEP),
    NOT_UTF_8: (lambda p: write(p, tone()), tone(), ONE_STEP),
}


PARTIAL = {
    "cut.wav": "breaks off: 1.25 of",
    "claims 49 days.flac": "breaks off: ",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a folder with all these files, and a link in it that leads back to it."""
    folder = tmp_path_factory.mktemp("corpus")
    for name, (make, *_) in (SET_ASIDE | DECODED).items():
        # soundfile writes names that are not UTF-8 under another name.
        make(folder / "made.wav" if name == NOT_UTF_8 else folder / name)
    (folder / "made.wav").rename(folder / NOT_UTF_8)
    (folder / "below").mkdir()
    (folder / "below" / "up").symlink_to(folder)
    return folder


def scan_of(source: Path, out: Path) -> dict[str, dict]:
    assert main(["scan", str(source), "--out", str(out)]) == 0
    rows = read_index_table(out).to_pylist()
    return {Path(os.fsdecode(row["path"])).name: row for row in rows}


@pytest.fixture(scope="module")
def index(folder, tmp_path_factory) -> dict[str, dict]:
    return scan_of(folder, tmp_path_factory.mktemp("index") / "index.parquet")


@pytest.fixture(scope="module")
def corpus(folder, tmp_path_factory) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Returns the waveforms of all these files by name, and the reasons why the others have none."""
    store = open_waveforms(clips_from([folder]), tmp_path_factory.mktemp("cache"))
    waveforms = {store.path(clip).name: store.waveform(clip) for clip in range(len(store))}
    return waveforms, {failure.path.name: failure.reason for failure in store.failures}


def test_every_file_is_answered_for_once(folder, index, corpus):
    everything = SET_ASIDE.keys() | DECODED.keys()
    waveforms, reasons = corpus
    assert index.keys() == everything
    assert waveforms.keys() == DECODED.keys()
    assert reasons.keys() == SET_ASIDE.keys()


@pytest.mark.parametrize("name", SET_ASIDE)
def test_what_cannot_be_read_is_set_aside_with_a_reason(folder, index, corpus, name):
    reason = SET_ASIDE[name][1]
    with pytest.raises(AudioError, match=reason) as caught:
        read_waveform(folder / name)
    assert caught.value.path == folder / name
    assert index[name]["status"] == "set aside" and re.search(reason, index[name]["reason"])
    assert re.search(reason, corpus[1][name])


@pytest.mark.parametrize("name", DECODED)
def test_what_can_be_read_is_what_was_recorded(folder, index, corpus, name):
    _, expected, tolerance = DECODED[name]
    assert index[name]["status"] == ("partial" if name in PARTIAL else "ok")
    assert PARTIAL.get(name, "") in index[name]["reason"]
    assert index[name]["duration_s"] == pytest.approx(len(expected) / SAMPLE_RATE, abs=1e-4)
    for waveform, more in ((read_waveform(folder / name), 0.0), (corpus[0][name], ONE_STEP)):
        assert len(waveform) == len(expected)
        # A resampler needs neighbours on both sides.
        inner = slice(400, -400) if "kHz" in name else slice(None)
        assert np.abs(waveform[inner] - expected[inner]).max() <= tolerance + more


@pytest.mark.parametrize("name", ["a.mp3", "a.ogg", "a.opus"])
def test_a_lossy_file_that_breaks_off_is_read_up_to_there(tmp_path, name):
    rate = 48_000
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, round(DURATION_S * rate))
    content = write(tmp_path / name, noise, rate)
    whole = read_waveform(tmp_path / name)
    (tmp_path / name).write_bytes(content[: round(0.7 * len(content))])
    part = read_waveform(tmp_path / name)
    # Vorbis and Opus come in pages of up to a second.
    assert 0.7 * DURATION_S - 1.1 <= len(part) / SAMPLE_RATE <= 0.7 * DURATION_S + 0.1
    assert np.sqrt(np.mean(part**2)) == pytest.approx(np.sqrt(np.mean(whole**2)), rel=0.05)
    # The resampler ends in the samples that are not there. An mp3 that was cut is read by another library.
    same = len(part) - 500
    np.testing.assert_allclose(part[:same], whole[:same], rtol=0, atol=1e-5 if name == "a.mp3" else 0)
    assert scan_of(tmp_path, tmp_path / "i.parquet")[name]["duration_s"] == pytest.approx(
        len(part) / SAMPLE_RATE, abs=1e-4
    )


def test_a_file_that_vanished_or_changed_since_the_scan_is_read_as_it_is_now(tmp_path):
    recordings, out = tmp_path / "recordings", tmp_path / "index.parquet"
    recordings.mkdir()
    for name in ("gone.wav", "text.wav", "other.wav", "same.wav"):
        write(recordings / name, tone())
    assert {row["status"] for row in scan_of(recordings, out).values()} == {"ok"}
    (recordings / "gone.wav").unlink()
    (recordings / "text.wav").write_text("no recording any more")
    write(recordings / "other.wav", tone(level=0.1)[:8_000])
    store = open_waveforms(clips_from([out]), tmp_path / "cache")
    reasons = {failure.path.name: failure.reason for failure in store.failures}
    assert reasons.keys() == {"gone.wav", "text.wav"}
    assert reasons["gone.wav"] == "no such file"
    assert {store.path(clip).name: len(store.waveform(clip)) for clip in range(len(store))} == {
        "other.wav": 8_000,
        "same.wav": len(tone()),
    }


def test_a_file_that_is_cut_while_it_is_read_ends_there(tmp_path):
    path = tmp_path / "a.wav"
    write(path, np.tile(tone(), 20))
    blocks = Recording(path, path).blocks()
    heard = len(next(blocks))
    os.truncate(path, 44 + 2 * 300_000)
    heard += sum(len(block) for block in blocks)
    assert heard == 300_000


@contextmanager
def no_superuser() -> Iterator[None]:
    """Whoever runs the tests is nobody within, if root: permissions mean nothing to root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
@pytest.mark.usefixtures("in_this_process")  # nobody's may not import this package
def test_what_may_not_be_read_is_set_aside_and_folders_that_may_not_be_entered_are_named(tmp_path, capsys):
    # Nobody may enter the folders of pytest where root runs it; and what is imported late has to be there before.
    write(tmp_path / "a.wav", tone())
    scan_of(tmp_path, tmp_path / "index.parquet")
    open_waveforms(clips_from([tmp_path]), tmp_path / "cache")
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        (top / "in" / "closed").mkdir(parents=True)
        for path in (top, top / "in"):
            path.chmod(0o777)
        for file in ("open.wav", "private.wav", "closed/b.wav"):
            write(top / "in" / file, tone())
            (top / "in" / file).chmod(0o666)
        (top / "in" / "private.wav").chmod(0)
        (top / "in" / "closed").chmod(0)
        with no_superuser():
            rows = scan_of(top / "in", top / "index.parquet")
            told = capsys.readouterr().err
            store = open_waveforms(clips_from([top / "in"]), top / "cache")
        (top / "in" / "closed").chmod(0o700)
    assert {name: row["status"] for name, row in rows.items()} == {"open.wav": "ok", "private.wav": "set aside"}
    assert rows["private.wav"]["reason"] == "Permission denied"
    assert re.search("Permission denied.*closed", told)
    assert [(failure.path.name, failure.reason) for failure in store.failures] == [("private.wav", "Permission denied")]


PEAK_OF = """
import re, sys
from pathlib import Path
from emoclr.corpus.audio.decoder import Recording, read_waveform
import numpy, soxr
def peak_mib():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024
path = Path(sys.argv[1])
before = peak_mib()
samples = sum(len(block) for block in Recording(path, path).blocks())
in_blocks = peak_mib() - before
samples_at_once = len(read_waveform(path))
print(samples, in_blocks, samples_at_once, peak_mib() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is read where Linux tells it")
def test_three_hours_take_the_memory_of_the_result_and_a_block(tmp_path):
    path, samples = tmp_path / "long.wav", 3 * 3600 * SAMPLE_RATE
    content = bytearray(write(path, np.zeros(1)))
    at = content.index(b"data") + 4
    content[at : at + 4] = (2 * samples).to_bytes(4, "little")
    path.write_bytes(content)
    # A hole in the file, not a third of a gigabyte.
    os.truncate(path, at + 4 + 2 * samples)
    answer = subprocess.run([sys.executable, "-c", PEAK_OF, path], check=True, capture_output=True, text=True)
    by_blocks, blocks_mib, at_once, whole_mib = map(float, answer.stdout.split())
    assert by_blocks == at_once == samples
    assert blocks_mib < 30
    assert whole_mib < 1.2 * 4 * samples / (1 << 20) + 30


def test_what_lasts_longer_than_memory_allows_is_set_aside_but_its_parts_can_be_read(tmp_path, monkeypatch):
    monkeypatch.setattr("emoclr.corpus.audio.decoder.MAX_DURATION_S", 2.0)
    write(tmp_path / "a.flac", tone())
    with pytest.raises(AudioError, match=r"longer than .* h; cut it"):
        read_waveform(tmp_path / "a.flac")
    np.testing.assert_allclose(read_waveform(tmp_path / "a.flac", 1.0, 3.0), tone()[16_000:], atol=ONE_STEP)
