"""Pictures of spectrograms: channels (mel, chroma, STFT) scaled to shades, and shades coloured to pixels."""

import io

import numpy as np
from numpy.typing import NDArray

CHANNELS = ("mel", "chroma", "STFT")
COLOUR_MAP = "magma"
BRIGHTEST = 254
CLEAR = 255
"""Of masked parts and of what lies between channels: the one shade that is transparent."""
DARKEST_QUANTILE = 0.02
"""Of a channel: all that is softer is as dark, so that silence does not take up the scale."""
GAP_ROWS = 2

Image = NDArray[np.float32]


def channel_ranges(images: Image) -> tuple[Image, Image]:
    """Returns the values that are drawn darkest and brightest in each channel, each float32 (channels,).

    Args:
        images: (..., channels, bands, frames), drawn on one scale; nan where masked.
    """
    of_channels = np.moveaxis(images, -3, 0).reshape(images.shape[-3], -1)
    return (
        np.nanquantile(of_channels, DARKEST_QUANTILE, axis=1).astype(np.float32),
        np.nanmax(of_channels, axis=1).astype(np.float32),
    )


def shade_channels(images: Image, ranges: tuple[Image, Image]) -> NDArray[np.uint8]:
    """Returns shades from 0 to `BRIGHTEST`, `CLEAR` where masked, in the shape of the images.

    Args:
        images: (..., channels, bands, frames); nan where masked.
        ranges: as `channel_ranges` gives them.
    """
    low, high = (bound[:, None, None] for bound in ranges)
    shades = np.clip((images - low) / np.maximum(high - low, 1e-9), 0, 1) * BRIGHTEST
    return np.where(np.isnan(images), CLEAR, np.nan_to_num(shades)).astype(np.uint8)


def channels_png(shades: NDArray[np.uint8]) -> bytes:
    """Returns a PNG of shades (channels, bands, frames): a pixel is a frame and a band, low frequencies are below.

    Channels lie below each other, `GAP_ROWS` clear rows between them.
    """
    from matplotlib import colormaps
    from PIL import Image as Picture

    gap = np.full((GAP_ROWS, shades.shape[2]), CLEAR, dtype=np.uint8)
    rows = [part for channel in shades for part in (gap, channel[::-1])][1:]
    picture = Picture.fromarray(np.concatenate(rows))
    picture.putpalette(colormaps[COLOUR_MAP](np.linspace(0, 1, CLEAR + 1), bytes=True)[:, :3].tobytes())
    content = io.BytesIO()
    picture.save(content, format="png", transparency=CLEAR, optimize=True)
    return content.getvalue()
