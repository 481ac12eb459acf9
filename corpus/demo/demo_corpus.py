"""The demo corpus: synthetic voices in six emotions, written as the mixed bag of files that real corpora are.

Its labels are true by construction: `expression` sets what the literature reports for each emotion,
`voice` says it. Numbers measured on it are synthetic, and say nothing about people.

The same seed gives the same labels.csv, byte-identical wav, flac and mp3 files, and identical samples in all
formats; Ogg files differ in the serial number that libsndfile draws for their stream. (On another machine the last
bit may be rounded otherwise.)
"""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr
from numpy.typing import NDArray
from scipy.fft import next_fast_len
from scipy.io import wavfile

from emoclr.configs.console import track
from emoclr.configs.errors import ConfigError, EmoclrError
from emoclr.configs.files import write_text
from emoclr.corpus.audio.decoder import SAMPLE_RATE
from emoclr.corpus.audio.noise import PINK_DB_PER_OCTAVE, coloured_noise
from emoclr.corpus.demo.expression import EMOTIONS, express
from emoclr.corpus.demo.voice import Voice, draw_voice, speak


@dataclass(frozen=True)
class DemoSummary:
    """What `make_demo_corpus` wrote.

    Attributes:
        labels: path of labels.csv.
        files: files written in all, labels.csv and broken ones included.
        labelled_clips: clips that decode and are listed in labels.csv.
        unlabelled_clips: clips that decode and do not.
        speakers: voices, those without labels included.
        broken_files: files that cannot be decoded; one of them is listed in labels.csv.
        duration_s: seconds of audio.
    """

    labels: Path
    files: int
    labelled_clips: int
    unlabelled_clips: int
    speakers: int
    broken_files: int
    duration_s: float


@dataclass(frozen=True)
class _Size:
    speakers: dict[str, int]  # of each split
    clips_each: int
    unlabelled_speakers: int  # who have no labels at all
    unlabelled_clips: int
    usual_s: tuple[float, float]
    edge_s: tuple[float, ...]  # durations that some clip of the corpus must have


_SIZES = {
    "full": _Size({"train": 8, "validation": 4, "test": 4}, 15, 8, 200, (1.0, 4.0), (0.5, 0.7, 6, 8, 12, 22)),
    "small": _Size({"train": 4, "validation": 2, "test": 2}, 6, 4, 24, (1.0, 2.0), (0.5, 0.7, 6, 22)),
}

_FORMATS: tuple[tuple[str, str, str, int], ...] = (
    ("wav", "WAV", "PCM_16", 16_000),
    ("wav", "WAV", "PCM_24", 48_000),
    ("wav", "WAV", "FLOAT", 44_100),
    ("wav", "WAV", "PCM_16", 8_000),
    ("flac", "FLAC", "PCM_16", 16_000),
    ("flac", "FLAC", "PCM_24", 44_100),
    ("ogg", "OGG", "VORBIS", 22_050),
    ("ogg", "OGG", "VORBIS", 44_100),
    ("opus", "OGG", "OPUS", 48_000),
    ("ogg", "OGG", "OPUS", 16_000),
    ("mp3", "MP3", "MPEG_LAYER_III", 44_100),
    ("mp3", "MP3", "MPEG_LAYER_III", 22_050),
)
"""Ending, container, coding and sample rate in Hz."""

_TWO_EMOTIONS_EVERY = 8
_STEREO_EVERY = 14


@dataclass(frozen=True)
class _Speaker:
    name: str
    split: str
    voice: Voice


@dataclass(frozen=True)
class _Clip:
    path: str  # relative to the corpus
    speaker: _Speaker
    emotions: tuple[str, ...]
    duration_s: float
    container: str
    coding: str
    sample_rate: int
    stereo: bool
    seed: tuple[int, int]


def make_demo_corpus(folder: Path, seed: int = 0, size: str = "full") -> DemoSummary:
    """Writes `folder/labeled/*`, `folder/unlabeled/*` and, last, `folder/labels.csv`.

    Speakers are disjoint over the splits, every split holds every emotion, and whoever speaks in `unlabeled` is of the
    training split or of none: so `data=DIR/unlabeled,DIR/labels.csv` with the splits train and validation keeps test
    speakers out of pretraining. Clips last 0.5 to 22 s; every eighth has a second emotion after the first, and both
    labels. Columns: path, the six emotions (0.0 or 1.0), speaker, split, sex, and synthetic, which is "yes"
    everywhere: reports say so beside their numbers.

    Args:
        folder: where to write; made where missing. Files of an earlier run with the same seed and size are replaced.
        seed: any integer from 0; decides everything.
        size: "full" (440 clips, 24 speakers) or "small" (72 short clips, 12 speakers).

    Raises:
        ConfigError: an unknown size, a negative seed.
        EmoclrError: the folder cannot be written to, or holds files that are not of this corpus.
    """
    if size not in _SIZES:
        raise ConfigError(f"size: {size!r} is not one of {', '.join(_SIZES)}")
    if seed < 0:
        raise ConfigError(f"seed: {seed} is negative; use an integer from 0")
    labelled, unlabelled = _plan(_SIZES[size], seed)
    clips = labelled + unlabelled
    broken = _broken_files(labelled[0].speaker)
    _claim(folder, {clip.path for clip in clips} | set(broken))
    try:
        for clip in track(clips, "making synthetic voices"):
            _write(folder / clip.path, _record(clip), clip)
        for name, content in broken.items():
            (folder / name).write_bytes(content)
    except OSError as error:
        raise EmoclrError(f"{folder}: cannot be written to: {error.strerror or error}") from error
    listed = next(name for name in broken if name.startswith("labeled/"))
    write_text(folder / "labels.csv", _labels(labelled, listed))
    return DemoSummary(
        labels=folder / "labels.csv",
        files=len(clips) + len(broken) + 1,
        labelled_clips=len(labelled),
        unlabelled_clips=len(unlabelled),
        speakers=len({clip.speaker.name for clip in clips}),
        broken_files=len(broken),
        duration_s=sum(clip.duration_s for clip in clips),
    )


def _plan(size: _Size, seed: int) -> tuple[list[_Clip], list[_Clip]]:
    """Returns the labelled and the unlabelled clips: who says what, for how long, in which file."""
    rng = np.random.default_rng([seed, 0])
    splits = [split for split, count in size.speakers.items() for _ in range(count)]
    splits += ["unlabelled"] * size.unlabelled_speakers
    speakers = [
        _Speaker(f"spk{number:02d}", split, draw_voice(("female", "male")[number % 2], rng))
        for number, split in enumerate(splits, start=1)
    ]
    said = [
        # Each speaker begins elsewhere in the list, so that leftovers spread over the emotions.
        (speaker, EMOTIONS[(3 * number + take) % len(EMOTIONS)])
        for number, speaker in enumerate(speakers)
        if speaker.split != "unlabelled"
        for take in range(size.clips_each)
    ]
    silent = [speaker for speaker in speakers if speaker.split in ("train", "unlabelled")]
    unsaid = [
        (silent[take % len(silent)], EMOTIONS[rng.integers(len(EMOTIONS))]) for take in range(size.unlabelled_clips)
    ]
    return _cast("labeled", said, size, rng, seed), _cast("unlabeled", unsaid, size, rng, seed)


def _cast(
    folder: str, said: list[tuple[_Speaker, str]], size: _Size, rng: np.random.Generator, seed: int
) -> list[_Clip]:
    """Deals durations, formats, channels and second emotions, each independent of emotion and speaker."""
    n = len(said)
    shortest_s, longest_s = size.usual_s
    durations = shortest_s * (longest_s / shortest_s) ** rng.random(n)
    durations[rng.permutation(n)[: len(size.edge_s)]] = size.edge_s
    formats = rng.permutation(np.arange(n) % len(_FORMATS))
    stereo = rng.permutation(np.arange(n) % _STEREO_EVERY == 0)
    long_enough = rng.permutation(np.flatnonzero(durations >= 1.2))
    twofold = set(long_enough[: n // _TWO_EMOTIONS_EVERY].tolist())
    clips = []
    for number, (speaker, emotion) in enumerate(said):
        suffix, container, coding, sample_rate = _FORMATS[formats[number]]
        others = [other for other in EMOTIONS if other != emotion]
        second = (others[rng.integers(len(others))],) if number in twofold else ()
        clips.append(
            _Clip(
                path=f"{folder}/{speaker.name}_{number:03d}.{suffix}",
                speaker=speaker,
                emotions=(emotion, *second),
                duration_s=round(float(durations[number]), 3),
                container=container,
                coding=coding,
                sample_rate=sample_rate,
                stereo=bool(stereo[number]),
                seed=(seed, number + (1 if folder == "labeled" else 1 + 1_000_000)),
            )
        )
    return clips


def _record(clip: _Clip) -> NDArray[np.float64]:
    """Returns what the microphone gets, `(samples,)` or `(samples, 2)` at the clip's rate, within [-1, 1]."""
    rng = np.random.default_rng(clip.seed)
    share = rng.uniform(0.4, 0.6)
    parts_s = (
        (share * clip.duration_s, (1 - share) * clip.duration_s) if len(clip.emotions) == 2 else (clip.duration_s,)
    )
    speech = [
        speak(clip.speaker.voice, express(emotion, clip.speaker.voice, rng), part_s, rng)
        for emotion, part_s in zip(clip.emotions, parts_s, strict=True)
    ]
    waveform = np.concatenate(speech) * 10 ** (rng.normal(0, 1.5) / 20)  # nearer or farther
    waveform += 10 ** (rng.uniform(-66, -52) / 20) * _room_noise(len(waveform), rng)
    if clip.sample_rate != SAMPLE_RATE:
        waveform = soxr.resample(waveform, SAMPLE_RATE, clip.sample_rate)
    if clip.stereo:
        other = 10 ** (rng.uniform(-4, 4) / 20) * np.roll(waveform, rng.integers(1, 12))
        waveform = np.stack([waveform, other], axis=1)
    return waveform * min(1.0, 0.98 / float(np.abs(waveform).max()))


def _room_noise(n_samples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Returns pink noise of unit root mean square, `(samples,)`."""
    white = rng.normal(0, 1, next_fast_len(n_samples, real=True))
    return coloured_noise(white, PINK_DB_PER_OCTAVE, n_samples)


def _write(path: Path, waveform: NDArray[np.float64], clip: _Clip) -> None:
    if clip.coding == "FLOAT":
        # libsndfile would stamp the time of day into such a file (its PEAK chunk).
        wavfile.write(path, clip.sample_rate, waveform.astype(np.float32))
    else:
        path.write_bytes(_encoded(waveform, clip.sample_rate, clip.container, clip.coding))


def _broken_files(speaker: _Speaker) -> dict[str, bytes]:
    """Returns names and contents of the files that cannot be decoded; the first is listed in labels.csv, too."""
    noise = np.random.default_rng(0).normal(0, 0.01, SAMPLE_RATE)
    flac, wav, mp3 = (_encoded(noise, SAMPLE_RATE, container) for container in ("FLAC", "WAV", "MP3"))
    return {
        f"labeled/{speaker.name}_broken.flac": flac[:100],
        "unlabeled/broken_empty.wav": b"",
        "unlabeled/broken_text.wav": b"This is a letter, not a recording.\n",
        "unlabeled/broken_header_only.wav": wav[:44],
        "unlabeled/broken_truncated.flac": flac[:60],
        "unlabeled/broken_truncated.mp3": mp3[:60],
    }


def _encoded(waveform: NDArray[np.float64], sample_rate: int, container: str, coding: str | None = None) -> bytes:
    """Returns a file in memory: of a disk that is full, libsndfile says something else."""
    buffer = io.BytesIO()
    sf.write(buffer, waveform, sample_rate, format=container, subtype=coding)
    return buffer.getvalue()


def _claim(folder: Path, names: set[str]) -> None:
    """Makes the folders, after checking that nothing of anyone else's lies in them."""
    ours = folder / "labeled"
    if (folder / "labels.csv").exists() and not ours.is_dir():
        raise EmoclrError(f"{folder / 'labels.csv'}: exists and is not of a demo corpus; choose another folder")
    try:
        for part in (ours, folder / "unlabeled"):
            part.mkdir(parents=True, exist_ok=True)
            for entry in sorted(part.iterdir()):
                if f"{part.name}/{entry.name}" not in names:
                    raise EmoclrError(f"{entry}: is not of this demo corpus; choose a new folder")
    except OSError as error:
        raise EmoclrError(f"{folder}: cannot be written to: {error.strerror or error}") from error


def _labels(clips: list[_Clip], broken: str) -> str:
    """Returns labels.csv: every labelled clip, and one broken file as if it were the first speaker's."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["path", *EMOTIONS, "speaker", "split", "sex", "synthetic"])
    rows = [(clip.path, clip.emotions, clip.speaker) for clip in clips]
    for path, emotions, speaker in [*rows, (broken, ("neutral",), clips[0].speaker)]:
        shares = [float(emotion in emotions) for emotion in EMOTIONS]
        writer.writerow([path, *shares, speaker.name, speaker.split, speaker.voice.sex, "yes"])
    return text.getvalue()
