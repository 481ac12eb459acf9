"""EMOVO: six actors speak 14 Italian sentences in seven emotions.

Its page is gone and third parties quote it as: non-commercial re-use with acknowledgement. Costantini et al. (2014),
"EMOVO Corpus: an Italian Emotional Speech Database", LREC. A name is EMOTION-SPEAKER-SENTENCE, such as dis-f1-b1, with
the first letters of the Italian word; sentences are short (b), long (l), nonsense (n) or questions (d).
"""

import re
from itertools import product
from pathlib import Path

from emoclr.corpus.prepare.named_files import find_named, missing_names
from emoclr.corpus.prepare.recipe import Prepared, Recipe
from emoclr.corpus.prepare.rows import one_label

EMOTIONS = {
    "dis": "disgusto",
    "gio": "gioia",
    "neu": "neutro",
    "pau": "paura",
    "rab": "rabbia",
    "sor": "sorpresa",
    "tri": "tristezza",
}
SPEAKERS = {"f1": "female", "f2": "female", "f3": "female", "m1": "male", "m2": "male", "m3": "male"}
SENTENCES = ("b1", "b2", "b3", "d1", "d2", "l1", "l2", "l3", "l4", "n1", "n2", "n3", "n4", "n5")

_NAME = re.compile(
    rf"(?P<emotion>{'|'.join(EMOTIONS).upper()})-(?P<speaker>{'|'.join(SPEAKERS).upper()})"
    rf"-(?P<sentence>{'|'.join(SENTENCES).upper()})"
)


def read(folder: Path, labels: str) -> Prepared:
    """Returns one row a clip: one-hot emotions, speaker, sex and sentence.

    There is no split: six actors are for folds.

    Raises:
        EmoclrError: there are no clips.
    """
    files, notes = find_named(folder, _NAME, "like dis-f1-b1")
    actors = [file.parts["speaker"].lower() for file in files]
    table = one_label(
        files,
        [EMOTIONS[file.parts["emotion"].lower()] for file in files],
        EMOTIONS.values(),
        speaker=actors,
        sex=[SPEAKERS[actor] for actor in actors],
        sentence=[file.parts["sentence"].lower() for file in files],
        language="italian",
    )
    every = ("-".join(clip) for clip in product(EMOTIONS, SPEAKERS, SENTENCES))
    return Prepared(table, len(files), notes, missing_names(files, every))


RECIPE = Recipe(
    name="emovo",
    description="EMOVO: 6 actors, 14 sentences",
    language="Italian",
    emotions=7,
    licence="non-commercial (quoted, its page is gone)",
    citation="Costantini et al. (2014), LREC",
    clips={"intended": 588},
    read=read,
)
