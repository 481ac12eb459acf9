"""One name for one emotion, whatever a corpus calls it."""

from collections.abc import Sequence

from emoclr.configs.files import FORMULA_SIGNS
from emoclr.configs.messages import readable
from emoclr.evaluate.report.sentence import CAUTIONS

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

LISTENERS = "listeners"
"""Column of how many people voted on each clip."""
RESERVED_COLUMNS = ("path", "speaker", "split", "start_s", "end_s", LISTENERS)
"""Columns of a labels.csv with a meaning of their own."""
INDEX_COLUMNS = (
    *("size", "modified", "fingerprint", "duration_s", "sample_rate", "channels", "rms_db", "peak_db"),
    *("status", "reason", "voice", CAUTIONS),
)
"""Columns of `corpus scan`'s index, and two of `predict`: neither emotions nor groups, though they may hold shares."""
NAMED = "emotions"
"""Column of `predict`'s table."""
SHARE = "{}_share"
"""Column of `predict`'s table beside the probability of an emotion."""
MAX_EMOTIONS = 1000
MAX_NAME_LENGTH = 100

_COMMON = {word: name for name, words in SYNONYMS.items() for word in (name, *words)}


def common_name(word: str) -> str:
    """Returns the common name of an emotion; a word that has no synonym is its own, in small letters."""
    return _COMMON.get(word.lower(), word.lower())


def check_emotion_names(names: Sequence[str]) -> None:
    """Checks names of emotions, which become columns of tables.

    Raises:
        ValueError: there are too many, or one stands there twice, means another column, or is no name.

    Examples:
        >>> check_emotion_names(["joy", "joy"])
        Traceback (most recent call last):
            ...
        ValueError: emotion 'joy' stands there twice
    """
    if len(names) > MAX_EMOTIONS:
        raise ValueError(f"{len(names):,} emotions, where {MAX_EMOTIONS:,} are the most")
    for place, name in enumerate(names):
        if problem := _problem(name) or ("stands there twice" if name in names[:place] else None):
            raise ValueError(f"emotion '{readable(name[:MAX_NAME_LENGTH])}' {problem}")


def _problem(name: str) -> str | None:
    """Returns why a name is none of an emotion, None where it is."""
    if not name.strip():
        return "has no name"
    if name in (*RESERVED_COLUMNS, *INDEX_COLUMNS, NAMED):
        return "has the name of a column with another meaning"
    if len(name) > MAX_NAME_LENGTH:
        return f"has a name of more than {MAX_NAME_LENGTH} characters"
    if name != name.strip() or readable(name) != name:
        return "has line ends, control characters, or blanks around its name"
    if name[0] in FORMULA_SIGNS:
        return f"begins with {name[0]}, which a spreadsheet takes for a formula"
    return "has a ; in its name, which stands between emotions" if ";" in name else None
