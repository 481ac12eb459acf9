"""What matters most of a corpus in numbers, and what to do next: the first rule that holds speaks."""

import shlex
from collections.abc import Callable

from emoclr.configs.messages import count_of, some
from emoclr.corpus.audio.samples import SILENT_PEAK_DB
from emoclr.corpus.index.stats import FULL_SCALE_DB, Overview
from emoclr.evaluate.paired import FEW_SPEAKERS
from emoclr.evaluate.report.sentence import Sentence, Weight

SHORT_S = 0.5
LONG_S = 22.0
"""Clips are meant to be between these."""

MIN_SHARE = 0.01
"""Of a smaller share of the recordings, or of the clips, nothing is said on top."""

MUCH = 0.1
"""Where something is wrong with a larger share of the recordings, that comes before who speaks."""

_Told = tuple[Weight, str, str]
"""How bad it is, what was found, and what to do."""


def verdict_of(overview: Overview) -> list[Sentence]:
    """Returns what matters most of a corpus, and what to do next.

    Args:
        overview: the corpus in numbers.
    """
    rules: tuple[Callable[[Overview], _Told | None], ...] = (
        _unreadable,
        _table,
        lambda overview: _sound(overview, MUCH),
        _voices,
        _sound,
        _rare,
        _lengths,
    )
    weight, found, step = next((told for rule in rules if (told := rule(overview)) is not None), _fine(overview))
    return [Sentence(found, "fitness", weight), Sentence(step, "next")]


def share(part: int, whole: int) -> str:
    """Returns a count and its share.

    >>> share(3, 12)
    '3 (25.0%)'
    """
    return f"{part:,} ({part / max(1, whole):.1%})"


def clipped_and_silent(overview: Overview) -> tuple[int, int]:
    """Returns how many recordings touch full scale, and how many hold no sound."""
    peak_db = overview.peak_db
    return int((peak_db >= FULL_SCALE_DB).sum()), int((peak_db <= SILENT_PEAK_DB).sum())


def short_and_long(overview: Overview) -> tuple[int, int]:
    """Returns how many clips are shorter, and how many longer, than clips are meant to be."""
    return int((overview.durations_s < SHORT_S).sum()), int((overview.durations_s > LONG_S).sum())


def _unreadable(overview: Overview) -> _Told | None:
    if len(overview.durations_s):
        return None
    looked_for = "" if overview.labels is None else "; paths are looked for beside the table"
    return "bad", "None of the recordings can be read.", f"The reasons are above{looked_for}."


def _table(overview: Overview) -> _Told | None:
    """What of a table is probably not meant so comes first: numbers are of something else then."""
    if not overview.notes:
        return None
    return "open", f"{overview.notes[0]}.", f"Mend the table and look again: `corpus stats {_source(overview)}`."


def _sound(overview: Overview, from_share: float = MIN_SHARE) -> _Told | None:
    """The most frequent of what is wrong with the sound."""
    readable, aside = len(overview.peak_db), sum(count for _, count in overview.aside)
    clipped, silent = clipped_and_silent(overview)
    listed = "The index names" if overview.labels is None else f"`corpus audit {_source(overview)}` names"
    told = [
        (
            aside,
            readable + aside,
            "cannot be read",
            "Recordings that cannot be read are left out everywhere; the reasons are above.",
        ),
        (silent, readable, "hold no sound", f"{listed} the silent ones; `pretrain` leaves them out."),
        (
            clipped,
            readable,
            "touch full scale, perhaps clipped",
            f"{listed} the clipped ones; use originals where there are any.",
        ),
    ]
    count, whole, what, step = max(told, key=lambda each: each[0] / max(1, each[1]))
    if count < from_share * whole:
        return None
    return "open", f"{share(count, whole)} of the recordings {what}.", step


def _voices(overview: Overview) -> _Told | None:
    labels = overview.labels
    if labels is None:
        return None
    if labels.clips_per_speaker is None:
        step = "Name their column: `--columns speaker=NAME`."
        return "open", "Speakers are not known, so voices cannot be kept apart.", step
    speakers = len(labels.clips_per_speaker)
    if speakers >= FEW_SPEAKERS:
        return None
    told = f"Only {count_of(speakers, 'speaker')}: numbers measured on fewer than {FEW_SPEAKERS} tell little of others."
    return "open", told, "Add voices before clips of the same ones."


def _rare(overview: Overview) -> _Told | None:
    labels = overview.labels
    if labels is None:
        return None
    rare = [
        emotion
        for emotion, clips in zip(labels.emotions, labels.positive.sum(axis=0).tolist(), strict=True)
        if clips < MIN_SHARE * len(labels.targets)
    ]
    if not rare:
        return None
    be = "is" if len(rare) == 1 else "are"
    told = f"{some(rare)} {be} in under {MIN_SHARE:.0%} of the clips: numbers of so few are rough."
    return "open", told, "Label more clips: `corpus pick` and `probe pick` choose some."


def _lengths(overview: Overview) -> _Told | None:
    clips, (short, long) = len(overview.durations_s), short_and_long(overview)
    if max(short, long) < clips / 2:
        return None
    if long >= short:
        step = f"`corpus segment {_source(overview)} --out segments.csv` cuts them into clips that hold a voice."
        return "open", f"{share(long, clips)} of the clips are longer than {LONG_S:g} s.", step
    told = f"{share(short, clips)} of the clips are shorter than {SHORT_S:g} s: a word, or less."
    return "open", told, "Longer parts tell more, where there are any."


def _fine(overview: Overview) -> _Told:
    if overview.labels is None:
        command = f"pretrain --config simclr-small.yaml --data {_source(overview)} --out checkpoints/my-run"
        return "good", "Nothing stands out.", f"`{command}` learns from it."
    return "good", "Nothing stands out.", f"`corpus audit {_source(overview)}` looks for leaks, copies and shortcuts."


def _source(overview: Overview) -> str:
    return shlex.quote(str(overview.source))
