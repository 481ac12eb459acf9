"""TurEV-DB: six people say 82 Turkish words in four emotions.

CC BY-NC-ND 4.0. Canpolat, Ormanoğlu and Zeyrek (2020), "Turkish Emotion Voice Database (TurEV-DB)", SLTU. A name is
SPEAKER_EMOTION_WORD, such as 1157_kz_beste; the codes are those of the folders Angry, Calm, Happy and Sad. Its
repository (Xeonen/TurEV-DB) holds the same names again, filtered, as models heard them: the recordings are those below
"Sound Source".
"""

import re
from pathlib import Path

from emoclr.corpus.prepare.named_files import find_named
from emoclr.corpus.prepare.recipe import Prepared, Recipe
from emoclr.corpus.prepare.rows import one_label

EMOTIONS = {"kz": "Angry", "sk": "Calm", "mt": "Happy", "hl": "Sad"}
RECORDINGS = "Sound Source"

_NAME = re.compile(rf"(?P<speaker>\d{{4}})_(?P<emotion>{'|'.join(EMOTIONS).upper()})_(?P<word>[A-Z]+)")


def read(folder: Path, labels: str) -> Prepared:
    """Returns one row a clip: one-hot emotions, speaker and sentence (the word).

    Takes the folder "Sound Source" where there is one, everything otherwise. There is no split: six speakers are for
    folds.

    Raises:
        EmoclrError: there are no clips.
    """
    source = next((path for path in sorted(folder.rglob(RECORDINGS)) if path.is_dir()), folder)
    files, notes = find_named(source, _NAME, "like 1157_kz_beste")
    table = one_label(
        files,
        [EMOTIONS[file.parts["emotion"].lower()] for file in files],
        EMOTIONS.values(),
        speaker=[file.parts["speaker"] for file in files],
        sentence=[file.parts["word"].lower() for file in files],
        language="turkish",
    )
    return Prepared(table, len(files), notes)


RECIPE = Recipe(
    name="turev_db",
    description="TurEV-DB: 6 speakers, 82 words",
    language="Turkish",
    emotions=4,
    licence="CC BY-NC-ND 4.0",
    citation="Canpolat, Ormanoğlu and Zeyrek (2020), SLTU",
    clips={"intended": 1_735},
    read=read,
)
