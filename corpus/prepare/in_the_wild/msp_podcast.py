"""MSP-Podcast: speaking turns cut from podcasts, each judged by five annotators and more.

By agreement with its publishers (UT Dallas). Lotfian and Busso (2019), "Building Naturalistic Emotionally Balanced
Speech Corpus by Retrieving Emotional Speech from Existing Podcast Recordings", IEEE Transactions on Affective Computing
10(4). An annotator chooses one primary emotion and as many secondary ones as are heard: several emotions a turn. The
corpus grows; how many turns there should be is taken from the copy's own labels_consensus (207,136 recordings are in
release 1.12, those of Test3 without labels).
"""

import re
from collections.abc import Sequence
from pathlib import Path

from emoclr.configs.errors import EmoclrError
from emoclr.configs.messages import count_of, some
from emoclr.corpus.prepare.in_the_wild.msp_annotations import Turn, read_consensus, read_votes
from emoclr.corpus.prepare.named_files import NamedFile, find_named
from emoclr.corpus.prepare.recipe import Prepared, Recipe
from emoclr.corpus.prepare.rows import one_label, vote_shares

PRIMARY = {
    "A": "Angry",
    "C": "Contempt",
    "D": "Disgust",
    "F": "Fear",
    "H": "Happy",
    "N": "Neutral",
    "S": "Sad",
    "U": "Surprise",
}
"""Letter of the consensus to the annotators' word; O is another emotion, X no agreement."""

SECONDARY = (
    "Amused",
    "Annoyed",
    "Concerned",
    "Confused",
    "Depressed",
    "Disappointed",
    "Excited",
    "Frustrated",
)
"""What can be heard beside the primary emotion; the primary ones can be, too."""

SPLITS = {
    "Train": "train",
    "Development": "validation",
    "Validation": "validation",
    "Test1": "test",
    "Test2": "test",
    "Test3": "test",
}

_NAME = re.compile(r"MSP-PODCAST_(?P<podcast>[A-Z0-9]+)_(?P<turn>\w+)")


def read(folder: Path, labels: str) -> Prepared:
    """Returns one row a turn: emotions, speaker, split, official split, sex and the agreed emotion's letter.

    "votes" are shares of the annotators who heard an emotion, as the primary or a secondary one; "primary" of those
    who chose it as the primary one; "consensus" is the agreed emotion, one-hot, without O and X. Test1, Test2 and
    Test3 are all "test", and apart in `official_split`. A speaker who is not known is named after the podcast. Where
    a speaker is in several splits, only the turns of the last one (test, else validation) are kept.

    Raises:
        EmoclrError: there are no turns, or no tables of labels for them.
    """
    files, notes = find_named(folder, _NAME, "like MSP-PODCAST_0001_0008")
    turns = read_consensus(folder)
    here = [file for file in files if file.name in turns]
    unknown = [file.path.name for file in files if file.name not in turns]
    if unknown:
        notes.append(
            f"{count_of(len(unknown), 'recording')} left out that labels_consensus does not have: {some(unknown)}"
        )
    if not here:
        raise EmoclrError(f"{folder}: labels_consensus has none of the {len(files):,} recordings in it")
    kept = [file for file in here if turns[file.name].part in SPLITS]
    if len(kept) < len(here):
        others = sorted({turns[file.name].part or "(none)" for file in here} - set(SPLITS))
        notes.append(f"{count_of(len(here) - len(kept), 'turn')} left out, of sets that are not known: {some(others)}")
    kept, leaks = _without_leaks(kept, turns)
    if leaks:
        notes.append(
            f"{count_of(leaks, 'turn')} left out whose speaker is also in a later split, of train, validation and test"
        )
    if labels == "consensus":
        labelled = [file for file in kept if turns[file.name].emotion in PRIMARY]
    else:
        votes = read_votes(folder)
        labelled = [file for file in kept if file.name in votes]
    if len(labelled) < len(kept):
        notes.append(f"{count_of(len(kept) - len(labelled), 'turn')} left out, without {labels}")
    if not labelled:
        raise EmoclrError(f"{folder}: none of its {len(here):,} turns has {labels} that can be used")
    columns = {
        "original": [turns[file.name].emotion for file in labelled],
        "speaker": [_speaker(file, turns[file.name]) for file in labelled],
        "split": [SPLITS[turns[file.name].part] for file in labelled],
        "official_split": [turns[file.name].part for file in labelled],
        "sex": [turns[file.name].sex.lower() or "unknown" for file in labelled],
        "language": "english",
    }
    if labels == "consensus":
        letters = columns.pop("original")
        table = one_label(labelled, [PRIMARY[letter] for letter in letters], PRIMARY.values(), **columns)
    elif labels == "primary":
        chosen = [[[major] for major, _ in votes[file.name]] for file in labelled]
        table = vote_shares(labelled, chosen, PRIMARY.values(), **columns)
    else:
        heard = [[[major, *second] for major, second in votes[file.name]] for file in labelled]
        table = vote_shares(labelled, heard, [*PRIMARY.values(), *SECONDARY], **columns)
    missing = sorted(set(turns) - {file.name for file in here})
    return Prepared(table, len(here), notes, missing, expected=len(turns))


def _without_leaks(files: Sequence[NamedFile], turns: dict[str, Turn]) -> tuple[list[NamedFile], int]:
    """Returns the turns of speakers in their last split, and how many others there are."""
    order = ("train", "validation", "test")
    last: dict[str, int] = {}
    for file in files:
        speaker, split = _speaker(file, turns[file.name]), order.index(SPLITS[turns[file.name].part])
        last[speaker] = max(split, last.get(speaker, 0))
    kept = [
        file for file in files if order.index(SPLITS[turns[file.name].part]) == last[_speaker(file, turns[file.name])]
    ]
    return kept, len(files) - len(kept)


def _speaker(file: NamedFile, turn: Turn) -> str:
    known = turn.speaker.removesuffix(".0")  # pandas makes 30 into 30.0 where some cells are empty
    return f"speaker {known}" if known.isdigit() else f"podcast {file.parts['podcast']}"


RECIPE = Recipe(
    name="msp_podcast",
    description="MSP-Podcast: podcasts, primary and secondary emotions",
    language="English",
    emotions=16,
    licence="by agreement",
    citation="Lotfian and Busso (2019), IEEE Transactions on Affective Computing 10(4)",
    clips={"votes": 207_136, "primary": 207_136, "consensus": 207_136},
    read=read,
)
