"""CREMA-D: 91 actors speak 12 sentences in 6 emotions, and listeners say which they hear.

ODbL 1.0. Cao et al. (2014), "CREMA-D: Crowd-sourced Emotional Multimodal Actors Dataset", IEEE Transactions on
Affective Computing 5(4). A clip's name is ACTOR_SENTENCE_EMOTION_LEVEL.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from emoclr.configs.errors import EmoclrError
from emoclr.configs.messages import count_of, some
from emoclr.corpus.labels.emotion_names import LISTENERS
from emoclr.corpus.prepare.named_files import NamedFile, find_named
from emoclr.corpus.prepare.people import age_band, split_of
from emoclr.corpus.prepare.recipe import Prepared, PublishedFolds, Recipe
from emoclr.corpus.prepare.rows import one_label
from emoclr.corpus.prepare.tables import find_table, read_published

if TYPE_CHECKING:
    import pandas as pd

EMOTIONS = {
    "ANG": "anger",
    "DIS": "disgust",
    "FEA": "fear",
    "HAP": "happiness",
    "NEU": "neutral",
    "SAD": "sadness",
}
"""Code in a file's name to column of the labels; a code's first letter heads the column of its votes."""

LEVELS = {"LO": "low", "MD": "medium", "HI": "high", "XX": "unspecified", "X": "unspecified"}
"""Intended intensity; the original release has one name that ends in a single X."""

_NAME = re.compile(
    rf"(?P<actor>\d{{4}})_(?P<sentence>[A-Z]{{3}})_(?P<emotion>{'|'.join(EMOTIONS)})_(?P<level>{'|'.join(LEVELS)})"
)
_VOICE_ONLY = "1"
"""What a row number of the votes starts with, where listeners heard the voice without seeing the face."""


_FIRST_ACTORS = (1001, 1019, 1037, 1055, 1073)
"""Of the five sets of EMO-SUPERB."""


def emo_superb(actor: str) -> tuple[int, int]:
    """Returns the fold of EMO-SUPERB that scores an actor, and the one in which the actor validates, each 1 to 5.

    Fold 1 scores actors 1 to 18, fold 2 actors 19 to 36, fold 3 37 to 54, fold 4 55 to 72, fold 5 73 to 91. The actors
    that the next fold scores validate, and the other three sets are trained on, as in the label files that the
    benchmark publishes (Wu et al. 2024, arXiv:2402.13018).

    >>> emo_superb("1001"), emo_superb("1037"), emo_superb("1091")
    ((1, 5), (3, 2), (5, 4))
    """
    scored = bisect_right(_FIRST_ACTORS, int(actor))
    return scored, scored - 1 or len(_FIRST_ACTORS)


def read(folder: Path, labels: str) -> Prepared:
    """Returns one row a clip: emotions, speaker, split, sex, age (ten-year bands), sentence, level and language; of
    votes their number, too.

    "votes" are shares: of the listeners who heard the voice alone, how many chose each emotion. Each chose exactly
    one. "intended" is what the actor was told to play, one-hot; its code stays in the column `original`. Test actors
    are those whose number divides by 5, validation actors those that leave 1, the rest trains.
    `VideoDemographics.csv` (sex and age) and, for votes, `tabulatedVotes.csv` are looked for anywhere below the folder.

    Raises:
        EmoclrError: no clips, no votes where they are asked for, or a table that is not CREMA-D's.
    """
    files, notes = find_named(folder, _NAME, "like 1001_IEO_NEU_XX")
    found = len(files)
    if labels == "votes":
        shares, vote_notes = _vote_shares(folder, files)
        files = [file for file in files if file.name in shares.index]
        notes += [*vote_notes, "votes are shares of listeners; each listener chose exactly one emotion"]
    actors = [file.parts["actor"] for file in files]
    sexes, ages, actor_notes = _demographics(folder, actors)
    columns: dict[str, list[str] | str] = {
        "speaker": actors,
        "split": [split_of(int(actor)) for actor in actors],
        "sex": sexes,
        "age": ages,
        "sentence": [file.parts["sentence"] for file in files],
        "level": [LEVELS[file.parts["level"]] for file in files],
        "language": "english",
    }
    if labels == "votes":
        table = shares.loc[[file.name for file in files]].reset_index(drop=True).assign(**columns)
        table.insert(0, "path", [str(file.path) for file in files])
    else:
        played = [file.parts["emotion"] for file in files]
        table = one_label(files, [EMOTIONS[code] for code in played], EMOTIONS.values(), original=played, **columns)
    return Prepared(table, found, notes + actor_notes)


def _vote_shares(folder: Path, files: Sequence[NamedFile]) -> "tuple[pd.DataFrame, list[str]]":
    """Returns the shares of votes by clip name, one column an emotion, their number, and notes on clips without."""
    path = find_table(folder, "tabulatedVotes.csv")
    if path is None:
        raise EmoclrError(
            f"{folder}: no tabulatedVotes.csv in it, which holds the votes; without it, use --labels intended"
        )
    letters = {code[0]: column for code, column in EMOTIONS.items()}
    votes = read_published(path, [*letters, "fileName"], "CREMA-D", index_col=0)
    voice = votes[[str(number).strip().startswith(_VOICE_ONLY) for number in votes.index]]
    names = voice["fileName"].astype("string").str.strip().str.upper()
    counts = voice[list(letters)].groupby(names.to_numpy()).sum().rename(columns=letters)
    total = counts.sum(axis="columns")
    shares = (
        counts[total > 0]
        .div(total[total > 0], axis="index")
        .round(6)
        .assign(**{LISTENERS: total[total > 0].astype(int)})
    )
    present = {file.name for file in files}
    unheard = sorted(present - set(shares.index))
    missing = sorted(set(counts.index) - present)
    notes = (
        [f"{count_of(len(unheard), 'clip')} left out, without votes on the voice: {some(unheard)}"] if unheard else []
    )
    if missing:
        notes.append(f"{count_of(len(missing), 'clip')} with votes but no recording: {some(missing)}")
    if len(unheard) == len(present):
        raise EmoclrError(f"{path}: has no votes on the voice for any of {len(present)} clips in {folder}")
    return shares, notes


def _demographics(folder: Path, actors: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
    """Returns each clip's actor's sex and ten-year band of age, and a note where they are not known."""
    path = find_table(folder, "VideoDemographics.csv")
    if path is None:
        unknown = ["unknown"] * len(actors)
        return unknown, unknown, ["no VideoDemographics.csv: sex and age are unknown"]
    people = read_published(path, ["ActorID", "Age", "Sex"], "CREMA-D")
    sex: dict[str, str] = {}
    age: dict[str, str] = {}
    for actor, years, person in zip(people["ActorID"], people["Age"], people["Sex"], strict=True):
        sex[str(actor)] = str(person).strip().lower()
        age[str(actor)] = age_band(int(years))
    strangers = sorted(set(actors) - set(sex))
    notes = [f"{path.name} does not know {len(strangers)} actors: {some(strangers)}"] if strangers else []
    return [sex.get(a, "unknown") for a in actors], [age.get(a, "unknown") for a in actors], notes


RECIPE = Recipe(
    name="crema_d",
    description="CREMA-D: 91 actors, 12 sentences, heard by 2,443 listeners",
    language="English",
    emotions=6,
    licence="ODbL 1.0",
    citation="Cao et al. (2014), IEEE Transactions on Affective Computing 5(4)",
    clips={"votes": 7_442, "intended": 7_442},
    read=read,
    folds={"emo-superb": PublishedFolds("EMO-SUPERB (Wu et al. 2024, arXiv:2402.13018)", emo_superb)},
)
