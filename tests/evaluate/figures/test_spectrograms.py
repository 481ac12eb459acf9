"""Channels are drawn each on its own scale, low frequencies below, and masks are clear."""

import io

import numpy as np
from PIL import Image

from emoclr.evaluate.figures.spectrograms import BRIGHTEST, CLEAR, channel_ranges, channels_png, shade_channels


def image() -> np.ndarray:
    made = np.random.default_rng(0).random((2, 3, 8, 50)).astype(np.float32) * [[[1]], [[10]], [[0]]]
    made[:, :, :, 20:25] = np.nan
    return made.astype(np.float32)


def test_each_channel_is_scaled_by_itself_over_all_images_and_masks_take_no_part() -> None:
    made = image()
    low, high = channel_ranges(made)
    np.testing.assert_allclose(low, np.nanquantile(made, 0.02, axis=(0, 2, 3)), rtol=1e-6)
    np.testing.assert_array_equal(high, np.nanmax(made, axis=(0, 2, 3)))
    shades = shade_channels(made, (low, high))
    assert shades.shape == made.shape and shades.dtype == np.uint8
    np.testing.assert_array_equal(shades == CLEAR, np.isnan(made))
    seen = np.where(np.isnan(made), 0, shades)
    assert seen[:, :2].max(axis=(0, 2, 3)).tolist() == [BRIGHTEST] * 2 and not seen[:, 2].any()


def test_a_picture_has_a_pixel_a_band_and_frame_with_clear_rows_between_channels() -> None:
    shades = shade_channels(image()[0], channel_ranges(image()))
    shades[0, 0], shades[0, 1:] = BRIGHTEST, 0
    pixels = np.asarray(Image.open(io.BytesIO(channels_png(shades))).convert("RGBA"))
    assert pixels.shape == (3 * 8 + 2 * 2, 50, 4)
    assert not pixels[8:10, :, 3].any() and pixels[:8, :, 3].all()
    brightness = pixels[:8, :, :3].astype(int).sum(axis=(1, 2))
    assert brightness.argmax() == 7
    assert Image.open(io.BytesIO(channels_png(shades[:1]))).size == (50, 8)
