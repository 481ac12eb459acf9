"""What an emotion does to a voice: the literature's directions as a table, and our numbers for their size.

Directions for anger, fear, happiness and sadness are those of Juslin & Laukka (2003), "Communication of emotions in
vocal expression and music performance: different channels, same code?", Psychological Bulletin 129(5), 770-814,
Table 11, a summary of 104 studies of vocal expression. Disgust is not in that table; its directions are those of
Murray & Arnott (1993), "Toward the simulation of emotion in synthetic speech", J. Acoust. Soc. Am. 93(2), 1097-1108,
Table I ("very much slower", "very much lower" pitch, "slightly wider" range, "lower" intensity, wide downward
inflections, "grumbled chest tone"). Breathiness is in neither as a scale: breath for sadness and fear and
tension for anger follow Gobl & Ní Chasaide (2003), Speech Communication 40, 189-212 (Murray & Arnott hear
breath in anger and happiness too, which is left out).

The size of each step, its spread within an emotion, the grading of "medium" and "very much", and disgust's
high-frequency energy are our choice, made so that the emotions overlap.
"""

from typing import NamedTuple

import numpy as np

from emoclr.corpus.demo.voice import Delivery, Voice


class Cues(NamedTuple):
    """Directions relative to neutral speech: 1 is the source's "high", "fast" or "much", -1 its opposite."""

    rate: float = 0.0
    intensity: float = 0.0
    f0_level: float = 0.0
    f0_range: float = 0.0
    f0_contour: float = 0.0
    high_frequencies: float = 0.0
    irregularity: float = 0.0
    onset_speed: float = 0.0
    intensity_range: float = 0.0
    breathiness: float = 0.0


CUES: dict[str, Cues] = {
    "anger": Cues(
        rate=1, intensity=1, f0_level=1, f0_range=1, f0_contour=1, high_frequencies=1, irregularity=1,
        onset_speed=1, intensity_range=1, breathiness=-1,
    ),
    "disgust": Cues(
        rate=-1.5, intensity=-0.5, f0_level=-1.5, f0_range=0.5, f0_contour=-1.5, irregularity=1.5,
    ),
    "fear": Cues(
        rate=1, intensity=-1, f0_level=1, f0_range=-1, f0_contour=1, high_frequencies=-1, irregularity=1,
        intensity_range=1, breathiness=1,
    ),
    "happiness": Cues(
        rate=1, intensity=0.5, f0_level=1, f0_range=1, f0_contour=1, irregularity=-1, onset_speed=1,
    ),
    "neutral": Cues(),
    "sadness": Cues(
        rate=-1, intensity=-1, f0_level=-1, f0_range=-1, f0_contour=-1, high_frequencies=-1, irregularity=1,
        onset_speed=-1, intensity_range=-1, breathiness=1,
    ),
}  # fmt: skip
"""The six emotions, named and ordered as in CREMA-D."""

EMOTIONS = tuple(CUES)


def express(
    emotion: str, voice: Voice, rng: np.random.Generator | None = None, strength: float | None = None
) -> Delivery:
    """Returns how a speaker says something in an emotion.

    Args:
        emotion: one of `EMOTIONS`.
        voice: the speaker.
        rng: draws the strength, and a spread of each cue; without it the cues are exactly the table's.
        strength: multiplies the table's directions; drawn from 0.5 to 1.3 where `rng` is given, otherwise 1.
    """
    if strength is None:
        strength = 1.0 if rng is None else rng.uniform(0.5, 1.3)
    spread = np.zeros(len(Cues._fields)) if rng is None else rng.normal(0, 0.3, len(Cues._fields))
    cue = Cues(*(strength * np.array(CUES[emotion]) + spread).tolist())
    return Delivery(
        f0_hz=voice.f0_hz * 2 ** (3.0 * cue.f0_level / 12),
        f0_range_semitones=1.7 * 2.0**cue.f0_range,
        f0_slope_semitones=-1.0 + 1.5 * cue.f0_contour,
        syllables_per_s=4.5 * voice.rate * 1.25**cue.rate,
        level_dbfs=min(-27.0 + voice.loudness_db + 5.0 * cue.intensity, -17.0),
        level_range_db=1.8 * 1.6**cue.intensity_range,
        brightness_hz=2200.0 * 2.5**cue.high_frequencies,
        jitter=min(voice.jitter * 2.2**cue.irregularity, 0.05),
        shimmer=0.04 * 2.0**cue.irregularity,
        aspiration_db=min(voice.aspiration_db + 7.0 * cue.breathiness, -8.0),
        attack_s=0.03 * 1.8**-cue.onset_speed,
    )
