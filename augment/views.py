"""Two views of a clip, each reproducible from (seed, epoch, clip, view)."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emoclr.augment.masks import draw_masks
from emoclr.augment.settings import AugmentSettings
from emoclr.augment.waveform import WaveformAugmentation
from emoclr.corpus.audio.padding import fix_length


class View(NamedTuple):
    """One view: an augmented waveform (samples,) and the masks (masks, 2) that its spectrogram will get.

    Examples:
        >>> view = View(np.zeros(32_000, np.float32), masks=np.zeros((3, 2), np.float32))
        >>> view.waveform.shape
        (32000,)
    """

    waveform: NDArray[np.float32]
    masks: NDArray[np.float32]


class ViewMaker:
    """Makes the views of a clip on a CPU worker; the spectrogram and its masks follow on the device.

    Args:
        settings: augmentations and where the two views are taken.
        crop_samples: length of a view in samples.
        sample_rate: Hz.
        seed: the run's seed.

    Examples:
        >>> settings = AugmentSettings(transforms=[{"name": "Gain", "p": 1.0}])
        >>> maker = ViewMaker(settings, crop_samples=16_000, sample_rate=16_000, seed=0)
        >>> crop = np.full(12_000, 0.01, np.float32)
        >>> first, second = (maker.make(crop, epoch=0, clip=3, view=view) for view in (0, 1))
        >>> first.waveform.shape, bool((first.waveform == second.waveform).all())
        ((16000,), False)
    """

    def __init__(self, settings: AugmentSettings, crop_samples: int, sample_rate: int, seed: int) -> None:
        self.settings = settings
        self.crop_samples = crop_samples
        self.sample_rate = sample_rate
        self.seed = seed
        self.augmentation = WaveformAugmentation(settings.transforms, sample_rate)

    def crop_start(self, clip_samples: int, epoch: int, clip: int, view: int) -> int:
        """Returns the first sample of a view.

        The anchor, view 0's start, is uniform over the clip. Other views start there too (`same_segment`), at most
        `nearby_s` away (`nearby`), or anywhere (`clip`).
        """
        room = max(0, clip_samples - self.crop_samples)
        anchor = int(self._seeds(epoch, clip, 0, "crop").integers(0, room + 1))
        if view == 0 or self.settings.positives == "same_segment":
            return anchor
        reach = room
        if self.settings.positives == "nearby":
            reach = int(self.settings.nearby_s * self.sample_rate)
        rng = self._seeds(epoch, clip, view, "crop")
        return int(rng.integers(max(0, anchor - reach), min(room, anchor + reach) + 1))

    def fill(self, crop: NDArray[np.float32]) -> NDArray[np.float32]:
        """Returns a crop as long as a view, filled as the settings say where it is shorter."""
        return fix_length(crop, self.crop_samples, self.settings.short)

    def make(self, crop: NDArray[np.float32], epoch: int, clip: int, view: int) -> View:
        """Returns a view of a crop; one that is shorter than a view is filled."""
        waveform = self.fill(crop)
        seeds = np.random.SeedSequence((self.seed, epoch, clip, view, _STREAMS["waveform"]))
        masks = draw_masks(
            self.settings.masks,
            self.crop_samples / self.sample_rate,
            self._seeds(epoch, clip, view, "masks"),
        )
        return View(self.augmentation(waveform, seeds), masks)

    def _seeds(self, epoch: int, clip: int, view: int, stream: str) -> np.random.Generator:
        return np.random.default_rng((self.seed, epoch, clip, view, _STREAMS[stream]))


# Separate streams: a change of one augmentation leaves crops and masks where they were.
_STREAMS = {"crop": 0, "waveform": 1, "masks": 2}
