"""A picture of a clip's three channels and of its augmented views."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from emoclr.augment.masks import apply_masks
from emoclr.augment.settings import AugmentSettings, SpectrogramSettings
from emoclr.augment.spectrogram import Spectrogram, hz_to_mel
from emoclr.augment.views import ViewMaker
from emoclr.configs.files import write_atomically
from emoclr.evaluate.figures.figure import Figure
from emoclr.evaluate.figures.render import figure_png
from emoclr.evaluate.figures.spectrograms import (
    BRIGHTEST,
    CHANNELS,
    CLEAR,
    COLOUR_MAP,
    channel_ranges,
    shade_channels,
)
from emoclr.evaluate.figures.theme import LIGHT

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas


def draw_preview(
    waveform: NDArray[np.float32],
    title: str,
    path: Path,
    augment: AugmentSettings,
    spectrogram: SpectrogramSettings,
    *,
    crop_s: float,
    views: int,
    seed: int,
) -> None:
    """Writes a PNG: the clip's three channels in the left column, each view in a column beside it.

    Rows are mel, chroma and STFT; time is in seconds of the clip, frequency in Hz (pitch classes for chroma). Masked
    parts are left blank.

    Args:
        waveform: float32 (samples,), the whole clip.
        crop_s: length of a view in s.
        views: how many views are drawn.
        seed: of the views; the same seed draws the same picture.
    """
    module = Spectrogram(spectrogram)
    maker = ViewMaker(augment, round(crop_s * spectrogram.sample_rate), spectrogram.sample_rate, seed)
    panels = [("the clip", 0.0, len(waveform) / spectrogram.sample_rate, _image(module, waveform))]
    for view in range(views):
        start = maker.crop_start(len(waveform), 0, 0, view)
        made = maker.make(waveform[start : start + maker.crop_samples], 0, 0, view)
        image = apply_masks(
            _image(module, made.waveform)[None],
            torch.from_numpy(made.masks)[None],
            augment.masks.time_masks,
            module.mel_axis,
            module.stft_axis,
            fill=torch.nan,
        )[0]
        panels.append((f"view {view + 1}", start / spectrogram.sample_rate, crop_s, image))

    whole = panels[0][3].numpy()
    shown = [
        (name, (start_s, start_s + length_s), shade_channels(image.numpy(), channel_ranges(whole)))
        for name, start_s, length_s, image in panels
    ]
    figure = Figure(
        name="views",
        title=title,
        caption="",
        draw=partial(_draw_panels, title, shown, spectrogram, module),
        height_in=6.6,
        width_in=2.2 + 2.9 * len(panels),
    )
    write_atomically(path, partial(Path.write_bytes, data=figure_png(figure)))


def _draw_panels(
    title: str,
    panels: Sequence[tuple[str, tuple[float, float], NDArray[np.uint8]]],
    settings: SpectrogramSettings,
    module: Spectrogram,
    canvas: "Canvas",
) -> None:
    """Draws panels (name, seconds from and to, shades of the channels) side by side."""
    axes = canvas.subplots(3, len(panels), squeeze=False)
    for row, channel in enumerate(CHANNELS):
        for column, (name, (start_s, end_s), shades) in enumerate(panels):
            axis = axes[row][column]
            axis.imshow(
                np.ma.masked_equal(shades[row], CLEAR),
                origin="lower",
                aspect="auto",
                cmap=COLOUR_MAP,
                vmin=0,
                vmax=BRIGHTEST,
                extent=(start_s, end_s, 0, settings.bands),
                interpolation="nearest",
            )
            # A mask at the edge shows against the frame.
            axis.spines[:].set(visible=True, color=LIGHT.muted)
            if row == 0:
                axis.set_title(name, fontsize=11)
            if row == 2:
                axis.set_xlabel("time (s)")
            positions, labels = _frequency_ticks(channel, settings, module)
            axis.set_yticks(positions, labels if column == 0 else [""] * len(labels), fontsize=8)
            if column == 0:
                axis.set_ylabel(f"{channel} ({'pitch class' if channel == 'chroma' else 'Hz'})")
    canvas.suptitle(title, fontsize=12)


def _image(module: Spectrogram, waveform: NDArray[np.float32]) -> torch.Tensor:
    image: torch.Tensor = module(torch.from_numpy(waveform)[None])[0]  # (3, bands, N)
    return image


def _frequency_ticks(
    channel: str, settings: SpectrogramSettings, module: Spectrogram
) -> tuple[NDArray[np.float64], list[str]]:
    if channel == "chroma":
        positions = (np.arange(0, 12, 2) + 0.5) * settings.bands / 12
        return positions, ["C", "D", "E", "F♯", "G♯", "A♯"]
    lowest = 250 if channel == "mel" else 1000
    hz = np.array([f for f in (250, 500, 1000, 2000, 4000, 8000, 16000) if lowest <= f < settings.sample_rate / 2])
    axis = (module.mel_axis if channel == "mel" else module.stft_axis).numpy()
    shares = hz_to_mel(hz) / hz_to_mel(settings.sample_rate / 2)
    return np.interp(shares, axis, np.arange(settings.bands) + 0.5), [str(f) for f in hz]
