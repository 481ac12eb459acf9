"""The reverberation of a room that is drawn anew for each view."""

import random

from audiomentations.core.transforms_interface import BaseWaveformTransform

from emoclr.augment.transforms.dsp.noise_bank import BANK_SAMPLES, bank_excerpt, noise_bank
from emoclr.augment.transforms.dsp.reverberation import impulse_response, reverberate
from emoclr.corpus.audio.samples import Waveform

MIN_RT60_S = 0.001
"""Shorter than a sample, a tail would be empty."""


class RoomResponse(BaseWaveformTransform):  # type: ignore[misc]  # audiomentations has no types
    """Adds the reverberation of a room, without a collection of impulse responses.

    The response is a direct path followed by Gaussian noise that decays by 60 dB in `rt60_s`, the statistical model of
    late reverberation (Polack 1988); `direct_to_reverberant_db` is the ratio of their energies. The result keeps the
    level (RMS) of the input, so that a large room is not a louder one.
    """

    supports_multichannel = False

    def __init__(
        self,
        min_rt60_s: float = 0.1,
        max_rt60_s: float = 0.6,
        min_direct_to_reverberant_db: float = 0.0,
        max_direct_to_reverberant_db: float = 12.0,
        p: float = 0.5,
    ) -> None:
        super().__init__(p)
        if not MIN_RT60_S <= min_rt60_s <= max_rt60_s:
            raise ValueError(f"min_rt60_s must be at least {MIN_RT60_S:g} and at most max_rt60_s")
        if min_direct_to_reverberant_db > max_direct_to_reverberant_db:
            raise ValueError("min_direct_to_reverberant_db must be at most max_direct_to_reverberant_db")
        self.min_rt60_s = min_rt60_s
        self.max_rt60_s = max_rt60_s
        self.min_direct_to_reverberant_db = min_direct_to_reverberant_db
        self.max_direct_to_reverberant_db = max_direct_to_reverberant_db

    def randomize_parameters(self, samples: Waveform, sample_rate: int) -> None:
        """Draws the room: reverberation time, direct-to-reverberant ratio and its noise."""
        super().randomize_parameters(samples, sample_rate)
        if self.parameters["should_apply"]:
            self.parameters["rt60_s"] = random.uniform(self.min_rt60_s, self.max_rt60_s)
            self.parameters["direct_to_reverberant_db"] = random.uniform(
                self.min_direct_to_reverberant_db, self.max_direct_to_reverberant_db
            )
            self.parameters["noise_start"] = random.randrange(BANK_SAMPLES)

    def apply(self, samples: Waveform, sample_rate: int) -> Waveform:
        """Returns the samples with the reverberation of the room that was drawn."""
        length = int(self.parameters["rt60_s"] * sample_rate)
        noise = bank_excerpt(noise_bank(0.0), self.parameters["noise_start"], length)
        return reverberate(samples, impulse_response(noise, self.parameters["direct_to_reverberant_db"]))
