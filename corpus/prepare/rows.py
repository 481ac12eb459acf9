"""Tables of clips and emotions, the same for every corpus."""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from emoclr.corpus.labels.emotion_names import LISTENERS, common_name
from emoclr.corpus.prepare.named_files import NamedFile

if TYPE_CHECKING:
    import pandas as pd


def one_label(
    files: Sequence[NamedFile], words: Sequence[str], vocabulary: Collection[str], **columns: Sequence[str] | str
) -> "pd.DataFrame":
    """Returns one row a clip that carries one emotion.

    Args:
        files: the clips.
        words: the emotion of each, in the corpus's own words, which stay in the column `original` unless
            `columns` has another.
        vocabulary: all the words there are; a column each, under its common name, whether a clip has it or not.
        columns: speaker, split and groups, one value a clip or one for all.
    """
    import pandas as pd

    emotions = {common_name(word): [int(word == own) for own in words] for word in vocabulary}
    return pd.DataFrame({"path": [str(file.path) for file in files], **emotions, "original": words, **columns})


def vote_shares(
    files: Sequence[NamedFile],
    votes: Sequence[Sequence[Collection[str]]],
    vocabulary: Collection[str],
    **columns: Sequence[str] | str,
) -> "pd.DataFrame":
    """Returns one row a clip: for each emotion the share of the people asked who named it, and how many they were.

    Args:
        files: the clips.
        votes: for each clip, the words that each person named: one, several or, where none of the vocabulary
            fitted, none. At least one person a clip.
        vocabulary: as in `one_label`.
        columns: as in `one_label`.
    """
    import pandas as pd

    counts = [Counter(word for named in people for word in set(named)) for people in votes]
    shares = {
        common_name(word): [round(count[word] / len(people), 6) for count, people in zip(counts, votes, strict=True)]
        for word in vocabulary
    }
    return pd.DataFrame(
        {"path": [str(file.path) for file in files], **shares, LISTENERS: [len(people) for people in votes], **columns}
    )
