"""Noise of a drawn colour at a drawn signal-to-noise ratio."""

import random

import numpy as np
from audiomentations.core.transforms_interface import BaseWaveformTransform

from emoclr.augment.transforms.dsp.noise_bank import BANK_SAMPLES, SLOPES_DB_PER_OCTAVE, bank_excerpt, noise_bank
from emoclr.corpus.audio.samples import Waveform, rms


class AddNoise(BaseWaveformTransform):  # type: ignore[misc]  # audiomentations has no types
    """Adds noise whose power falls or rises by a drawn number of dB an octave, at a drawn ratio to the signal.

    The ratio is of the RMS of the whole view, as in audiomentations' `AddGaussianSNR` and `AddColorNoise`, to which
    this is the cheaper twin; slopes are drawn among `SLOPES_DB_PER_OCTAVE`.
    """

    supports_multichannel = False

    def __init__(
        self,
        min_snr_db: float = 5.0,
        max_snr_db: float = 40.0,
        min_slope_db_per_octave: float = -6.0,
        max_slope_db_per_octave: float = 6.0,
        p: float = 0.5,
    ) -> None:
        super().__init__(p)
        if min_snr_db > max_snr_db:
            raise ValueError("min_snr_db must be at most max_snr_db")
        self.slopes = [s for s in SLOPES_DB_PER_OCTAVE if min_slope_db_per_octave <= s <= max_slope_db_per_octave]
        if not self.slopes:
            raise ValueError(f"none of the slopes {SLOPES_DB_PER_OCTAVE} lies within these dB an octave")
        self.min_snr_db = min_snr_db
        self.max_snr_db = max_snr_db

    def randomize_parameters(self, samples: Waveform, sample_rate: int) -> None:
        """Draws the ratio, the slope, and which noise of that slope it is."""
        super().randomize_parameters(samples, sample_rate)
        if self.parameters["should_apply"]:
            self.parameters["snr_db"] = random.uniform(self.min_snr_db, self.max_snr_db)
            self.parameters["slope_db_per_octave"] = random.choice(self.slopes)
            self.parameters["noise_start"] = random.randrange(BANK_SAMPLES)
            self.parameters["sign"] = random.choice((-1, 1))

    def apply(self, samples: Waveform, sample_rate: int) -> Waveform:
        """Returns the samples with the noise that was drawn."""
        bank = noise_bank(self.parameters["slope_db_per_octave"])
        noise = bank_excerpt(bank, self.parameters["noise_start"], len(samples))
        wanted = rms(samples) * 10 ** (-self.parameters["snr_db"] / 20)
        noisy: Waveform = noise * np.float32(self.parameters["sign"] * wanted / max(rms(noise), 1e-10))
        noisy += samples
        return noisy
