"""The most confident mistakes of a model, with the spectrograms and the sound of their clips."""

import numpy as np
import torch
from numpy.typing import NDArray

from emoclr.augment.settings import SpectrogramSettings
from emoclr.augment.spectrogram import Spectrogram
from emoclr.corpus.audio.decoder import SAMPLE_RATE, AudioError
from emoclr.corpus.audio.encode import encode_mp3
from emoclr.corpus.decoded.waveforms import WaveformStore
from emoclr.corpus.labels.clip_names import clip_name, scored_clips
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.evaluate.figures.spectrograms import CHANNELS, channel_ranges, channels_png, shade_channels
from emoclr.evaluate.report.section import Example, Section
from emoclr.evaluate.scores import Prediction, Truth
from emoclr.evaluate.studies.mistakes import MAX_SHOWN_S, mistakes_section
from emoclr.probe.studies.context import Context

MP3_KBIT_S = 40


def mistakes(context: Context) -> Section:
    """Returns the clips that the headline model is most confidently wrong about."""
    scored = context.division.scored
    return mistakes_with_audio(
        context.truth,
        context.scores.headline,
        context.table.select(scored),
        context.store,
        context.rows[scored],
        players=context.settings.players,
    )


def mistakes_with_audio(
    truth: Truth,
    answer: Prediction,
    clips: LabelTable,
    store: WaveformStore,
    positions: NDArray[np.int64],
    *,
    players: bool,
) -> Section:
    """Returns the section of the most confident mistakes, with spectrograms, and with sound where `players`.

    Args:
        truth: the scored clips, `n` of them.
        answer: the headline model's predictions for them.
        clips: their labels, rows as in `truth`.
        store: holds their waveforms.
        positions: (n,) their positions in the store.
        players: whether the page holds their sound.
    """
    spectrogram = Spectrogram(SpectrogramSettings())

    def presented(clip: int) -> Example:
        title = clip_name(clips, clip).rpartition("/")[2]
        # A recording that went away since it was embedded must not cost the report.
        try:
            waveform = store.crop(int(positions[clip]), 0, round(MAX_SHOWN_S * SAMPLE_RATE))
        except AudioError:
            return Example(title, (), 0.0, None, CHANNELS, None)
        sound = encode_mp3(waveform, MP3_KBIT_S) if players else None
        return Example(title, (), len(waveform) / SAMPLE_RATE, draw_channels(spectrogram, waveform), CHANNELS, sound)

    return mistakes_section(truth, answer, scored_clips(clips), presented, players=players)


def draw_channels(spectrogram: Spectrogram, waveform: NDArray[np.float32]) -> bytes:
    """Returns a PNG of a waveform's channels below each other, each from its own darkest to its own brightest."""
    with torch.no_grad():
        channels = spectrogram(torch.from_numpy(waveform)[None])[0].numpy()  # (3, bands, frames)
    return channels_png(shade_channels(channels, channel_ranges(channels)))
