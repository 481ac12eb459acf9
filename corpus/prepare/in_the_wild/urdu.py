"""URDU: 400 utterances cut from Urdu talk shows, 100 in each of four emotions.

For research only. Latif et al. (2018), "Cross Lingual Speech Emotion Recognition: Urdu vs. Western Languages",
Frontiers of Information Technology. A name is SPEAKER_Fn_EMOTION and a number, such as SM1_F10_A010. The README counts
38 speakers; the names of the files tell 29 apart, and only three of them (SM3, SM5, SM6) speak in more than one
emotion: who speaks nearly gives the emotion away, so that a speaker-disjoint score rests on few voices.
"""

import re
from pathlib import Path

from emoclr.corpus.prepare.named_files import find_named
from emoclr.corpus.prepare.recipe import Prepared, Recipe
from emoclr.corpus.prepare.rows import one_label

EMOTIONS = {"A": "angry", "H": "happy", "N": "neutral", "S": "sad"}
SEXES = {"F": "female", "M": "male"}

_NAME = re.compile(r"(?P<speaker>S(?P<sex>[FM])\d{1,2})_F(?P<clip>\d{1,3})_(?P<emotion>[AHNS])(?P<number>\d{1,4})")


def read(folder: Path, labels: str) -> Prepared:
    """Returns one row a clip: one-hot emotions, speaker and sex.

    There is no split: with most speakers in one emotion only, five folds by speaker lose less than one split.

    Raises:
        EmoclrError: there are no clips.
    """
    files, notes = find_named(folder, _NAME, "like SM1_F10_A010")
    table = one_label(
        files,
        [EMOTIONS[file.parts["emotion"]] for file in files],
        EMOTIONS.values(),
        speaker=[file.parts["speaker"] for file in files],
        sex=[SEXES[file.parts["sex"]] for file in files],
        language="urdu",
    )
    notes.append("most speakers are heard in one emotion only: scores on this corpus rest on few voices")
    return Prepared(table, len(files), notes)


RECIPE = Recipe(
    name="urdu",
    description="URDU: talk shows, 29 speakers by name",
    language="Urdu",
    emotions=4,
    licence="research only",
    citation="Latif et al. (2018), Frontiers of Information Technology",
    clips={"emotion": 400},
    read=read,
)
