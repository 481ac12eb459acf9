"""Which augmentations leave the emotion of a recording as it was, and why the others do not."""

from emoclr.augment.transforms import own_names
from emoclr.configs.messages import perhaps

SAFE_OF_AUDIOMENTATIONS = frozenset(
    {
        "AddBackgroundNoise",
        "AddColorNoise",
        "AddGaussianNoise",
        "AddGaussianSNR",
        "AddShortNoises",
        "AirAbsorption",
        "ApplyImpulseResponse",
        "BandPassFilter",
        "BandStopFilter",
        "Gain",
        "GainTransition",
        "HighPassFilter",
        "HighShelfFilter",
        "LowPassFilter",
        "LowShelfFilter",
        "PeakingFilter",
        "PolarityInversion",
        "SevenBandParametricEQ",
        "Shift",
        "TimeMask",
    }
)

_PICTURE = "a picture may be flipped or recoloured, a voice may not: frequency and time are not interchangeable"
_LEVEL = "it takes the level away, and loudness carries arousal"
_LENGTH = "it changes the length of the clip, so that two views no longer show the same stretch of time"
_TIMBRE = "it adds harmonics of its own, and roughness of the voice is a cue of emotion"

UNSAFE = {
    "PitchShift": "it moves the fundamental: a man's voice moved up can become a child's, and pitch carries emotion",
    "TimeStretch": "it changes the rate of speech, which carries emotion; stretched speech is rated differently",
    "Reverse": "sound is serial: meaning builds up over time and does not survive reversal",
    "RepeatPart": "sound is serial: a repeated part changes the rhythm",
    "Resample": "it changes pitch and length together",
    "Aliasing": _TIMBRE,
    "BitCrush": _TIMBRE,
    "ClippingDistortion": _TIMBRE,
    "TanhDistortion": _TIMBRE,
    "LoudnessNormalization": _LEVEL,
    "Normalize": _LEVEL,
    "Limiter": _LEVEL,
    "Clip": _TIMBRE,
    "Trim": _LENGTH,
    "Padding": _LENGTH,
    "AdjustDuration": _LENGTH,
    "Mp3Compression": "it delays the signal and empties the upper bands in steps, which a network learns as a label",
    "Lambda": "what an arbitrary function does cannot be checked",
    "HorizontalFlip": _PICTURE,
    "VerticalFlip": _PICTURE,
    "RandomHorizontalFlip": _PICTURE,
    "RandomVerticalFlip": _PICTURE,
    "ColorJitter": _PICTURE,
}


def safe_names() -> frozenset[str]:
    """Returns the names of all safe transforms: those of audiomentations, and all of our own."""
    return SAFE_OF_AUDIOMENTATIONS | own_names()


def refusal(name: str) -> str | None:
    """Returns why a transform is refused, None where it is safe."""
    known = sorted(safe_names())
    if name in known:
        return None
    if name in UNSAFE:
        return UNSAFE[name]
    return f"it is not among the transforms known to be safe{perhaps(name, known)}: {', '.join(known)}"
