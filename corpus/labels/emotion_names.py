"""One name for one emotion, whatever a corpus calls it."""

from collections.abc import Iterable

SYNONYMS = {
    "amusement": ("amused",),
    "anger": ("angry", "wut", "ärger", "rabbia"),
    "annoyance": ("annoyed",),
    "boredom": ("bored", "langeweile"),
    "calm": ("calmness",),
    "concern": ("concerned",),
    "confusion": ("confused",),
    "contempt": (),
    "depression": ("depressed",),
    "disappointment": ("disappointed",),
    "disgust": ("disgusted", "ekel", "disgusto"),
    "excitement": ("excited",),
    "fear": ("fearful", "afraid", "angst", "paura"),
    "frustration": ("frustrated",),
    "happiness": ("happy", "joy", "freude", "gioia"),
    "neutral": ("neutral state", "neutro"),
    "sadness": ("sad", "trauer", "tristezza"),
    "surprise": ("surprised", "pleasant surprise", "sorpresa"),
}
"""Common name to the words that corpora use instead of it; what is listed nowhere keeps its own name."""

_COMMON = {word: name for name, words in SYNONYMS.items() for word in (name, *words)}


def common_name(word: str) -> str:
    """Returns the common name of an emotion; a word that has no synonym is its own, in small letters."""
    return _COMMON.get(word.lower(), word.lower())


def common_names(words: Iterable[str]) -> list[str]:
    """Returns the common name of each word."""
    return [common_name(word) for word in words]
