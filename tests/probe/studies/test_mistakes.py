"""The most confident mistakes: found, shown, heard, and left silent where told."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from emoclr.augment.settings import SpectrogramSettings
from emoclr.augment.spectrogram import Spectrogram
from emoclr.corpus.clips.sources import clips_of
from emoclr.corpus.decoded.waveforms import WaveformStore, open_waveforms
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.corpus.labels.labels_csv import read_labels
from emoclr.evaluate.scores import Prediction, Truth
from emoclr.evaluate.studies.mistakes import MAX_MISTAKES
from emoclr.probe.studies.mistakes import draw_channels, mistakes_with_audio

RATE = 16000


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[LabelTable, WaveformStore]:
    folder = tmp_path_factory.mktemp("recorded")
    lines = ["path,joy,fear,speaker"]
    for clip in range(MAX_MISTAKES + 3):
        seconds = 12.0 if clip == 0 else 0.5
        tone = 0.3 * np.sin(2 * np.pi * (300 + 40 * clip) * np.arange(int(seconds * RATE)) / RATE)
        soundfile.write(folder / f"clip {clip} & co.wav", tone, RATE)
        lines.append(f"clip {clip} & co.wav,{clip % 2},{1 - clip % 2},s{clip % 4}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    table = read_labels(folder / "labels.csv")
    return table, open_waveforms(clips_of(table), cache_dir=folder / "cache", workers=1)


@pytest.mark.parametrize("players", [True, False])
def test_each_is_shown_and_heard_where_players_are_wanted(
    recorded: tuple[LabelTable, WaveformStore], players: bool
) -> None:
    table, store = recorded
    truth = Truth(table.emotions, table.targets.astype(np.float64), table.speakers or [], single_label=True)
    wrong = 1 - truth.targets
    answer = Prediction("model", 0.6 * wrong + 0.2, np.array([0.5, 0.5]))
    section = mistakes_with_audio(truth, answer, table, store, np.arange(len(table)), players=players)
    assert len(section.examples) == MAX_MISTAKES == len(section.data["clips"])
    assert ("holds the sound" in section.text) == players == section.data["players"]
    long = next(example for example in section.examples if example.title == "clip 0 & co.wav")
    assert long.duration_s == 10.0
    assert ("answered", "joy 0.80, fear 0.20") in long.facts and ("labelled", "fear 1.00") in long.facts
    assert long.picture is not None and long.picture.startswith(b"\x89PNG")
    if players:
        assert long.sound is not None and len(long.sound) < 60_000
        heard, rate = soundfile.read(io.BytesIO(long.sound))
        # The tone that was recorded: 300 Hz.
        spectrum = np.abs(np.fft.rfft(heard[:RATE]))
        assert rate == RATE and abs(int(spectrum.argmax()) - 300) <= 1
    else:
        assert all(example.sound is None for example in section.examples)


def test_the_picture_is_three_channels_of_frames_and_bands_with_low_sounds_below() -> None:
    settings = SpectrogramSettings()
    tone = np.sin(2 * np.pi * 300 * np.arange(RATE) / RATE).astype(np.float32)
    image = Image.open(io.BytesIO(draw_channels(Spectrogram(settings), tone)))
    assert image.size == (1 + RATE // settings.hop_length, 3 * settings.bands + 4)
    brightness = np.asarray(image.convert("L"), dtype=float).mean(axis=1)[: settings.bands]
    assert brightness.argmax() > settings.bands * 0.7


def test_paths_are_told_from_the_folder_of_the_labels(recorded: tuple[LabelTable, WaveformStore]) -> None:
    table, store = recorded
    truth = Truth(table.emotions, table.targets.astype(np.float64), table.speakers or [])
    answer = Prediction("model", 1 - truth.targets, np.array([0.5, 0.5]))
    section = mistakes_with_audio(truth, answer, table, store, np.arange(len(table)), players=False)
    assert all(not Path(clip["path"]).is_absolute() for clip in section.data["clips"])
    assert {clip["kind"] for clip in section.data["clips"]} <= {"named", "missed"}


def test_what_is_missed_and_what_is_wrongly_named_stand_under_one_heading(
    recorded: tuple[LabelTable, WaveformStore],
) -> None:
    table, store = recorded
    truth = Truth(table.emotions, table.targets.astype(np.float64), table.speakers or [])
    # Where there is joy nothing is named, elsewhere both are.
    answer = Prediction("model", np.repeat(1 - truth.targets[:, :1], 2, axis=1), np.array([0.5, 0.5]))
    section = mistakes_with_audio(truth, answer, table, store, np.arange(len(table)), players=False)
    terms = {tuple(term for term, _ in example.facts) for example in section.examples}
    assert terms == {("mistake", "labelled", "answered", "speaker")}
    told = [dict(example.facts)["mistake"] for example in section.examples]
    for clip, words in zip(section.data["clips"], told, strict=True):
        assert words.startswith("joy missed: " if clip["kind"] == "missed" else "joy wrongly named: ")
    assert {clip["kind"] for clip in section.data["clips"]} == {"named", "missed"}


def test_without_mistakes_it_says_so(recorded: tuple[LabelTable, WaveformStore]) -> None:
    table, store = recorded
    truth = Truth(table.emotions, table.targets.astype(np.float64), table.speakers or [])
    answer = Prediction("model", truth.targets, np.array([0.5, 0.5]))
    section = mistakes_with_audio(truth, answer, table, store, np.arange(len(table)), players=True)
    assert not section.examples and "no clip" in section.text
