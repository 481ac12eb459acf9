"""MELD: 13,708 utterances of the series Friends, with one of seven emotions each.

GPL-3.0 is what its repository (declare-lab/MELD) states. Poria et al. (2019), "MELD: A Multimodal Multi-Party Dataset
for Emotion Recognition in Conversations", ACL. Labels are in train_, dev_ and test_sent_emo.csv; clips are called
dia0_utt0 in the folders train_splits, dev_splits_complete and output_repeated_splits_test, whose names have to stay, as
the same names occur in all three. They are published as mp4, whose sound is read.

The publishers know of clips cut wrongly, up to minutes long; dia125_utt3 of train is broken, dia110_utt7 of dev absent.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from emoclr.configs.errors import EmoclrError
from emoclr.configs.messages import count_of, some
from emoclr.corpus.prepare.named_files import NamedFile, find_named
from emoclr.corpus.prepare.recipe import Prepared, Recipe
from emoclr.corpus.prepare.rows import one_label
from emoclr.corpus.prepare.tables import find_table, read_published

EMOTIONS = ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise")
PARTS = ("train", "dev", "test")

_NAME = re.compile(
    rf"(?:.*/)?[^/]*(?P<part>{'|'.join(PARTS).upper()})[^/]*/(?:.*/)?DIA(?P<dialogue>\d+)_UTT(?P<utterance>\d+)"
)
_SEVERAL = re.compile(r"\band\b|[,&/+]|^(all|both|everyone|everybody)\b", re.IGNORECASE)
"""Speakers that are several people at once, such as "Ross and Joey" or "All"."""

Key = tuple[str, int, int]


def read(folder: Path, labels: str) -> Prepared:
    """Returns one row an utterance: one-hot emotions, speaker, official split and sentiment.

    The official split is the group column `official_split`, not `split`: the cast speaks in all three parts, and
    emotion scores of a voice that was trained on say little. Folds by speaker keep voices apart. What several speak
    at once is left out, as it would carry voices across. Of speakers who are named by a role ("Woman"), nobody knows
    whether they are one; they stay together.

    Raises:
        EmoclrError: there are no clips, no tables, or they have none of the clips.
    """
    files, notes = find_named(folder, _NAME, "like train_splits/dia0_utt0", whole_path=True)
    rows = dict(_rows(folder))
    by_key = {_key(file): file for file in files}
    unknown = [file.name for key, file in by_key.items() if key not in rows]
    if unknown:
        notes.append(f"{count_of(len(unknown), 'clip')} left out that the tables do not have: {some(unknown)}")
    several = sorted({speaker for speaker, _, _ in rows.values() if _SEVERAL.search(speaker)})
    here = [key for key in rows if key in by_key]
    kept = [key for key in here if rows[key][0] not in several]
    if not kept:
        raise EmoclrError(f"{folder}: its tables have none of the {len(files):,} clips in it")
    if len(kept) < len(here):
        notes.append(f"{count_of(len(here) - len(kept), 'clip')} left out in which several speak: {some(several)}")
    notes.append("the official split shares speakers, so it is the column official_split; use folds")
    table = one_label(
        [by_key[key] for key in kept],
        [rows[key][1] for key in kept],
        EMOTIONS,
        speaker=[rows[key][0] for key in kept],
        official_split=[key[0] for key in kept],
        sentiment=[rows[key][2] for key in kept],
        language="english",
    )
    missing = [f"{part}/dia{dialogue}_utt{utterance}" for part, dialogue, utterance in rows.keys() - by_key.keys()]
    return Prepared(table, len(here), notes, sorted(missing))


def _rows(folder: Path) -> Iterator[tuple[Key, tuple[str, str, str]]]:
    """Yields the part, dialogue and utterance of each row of the tables, with speaker, emotion and sentiment."""
    columns = ["Speaker", "Emotion", "Sentiment", "Dialogue_ID", "Utterance_ID"]
    for part in PARTS:
        path = find_table(folder, f"{part}_sent_emo.csv")
        if path is None:
            raise EmoclrError(f"{folder}: no {part}_sent_emo.csv in it, which holds labels of its clips")
        table = read_published(path, columns, "MELD")
        for speaker, emotion, sentiment, dialogue, utterance in table[columns].itertuples(index=False):
            word = str(emotion).strip().lower()
            if word not in EMOTIONS:
                raise EmoclrError(f"{path}: '{emotion}' is none of MELD's emotions: {', '.join(EMOTIONS)}")
            yield (part, int(dialogue), int(utterance)), (str(speaker).strip(), word, str(sentiment).strip().lower())


def _key(file: NamedFile) -> Key:
    return file.parts["part"].lower(), int(file.parts["dialogue"]), int(file.parts["utterance"])


RECIPE = Recipe(
    name="meld",
    description="MELD: the series Friends, one emotion an utterance",
    language="English",
    emotions=7,
    licence="GPL-3.0",
    citation="Poria et al. (2019), ACL",
    clips={"emotion": 13_708},
    read=read,
)
