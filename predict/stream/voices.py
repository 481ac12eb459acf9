"""Who speaks in which recording, and predictions that hear each recording against the others of its voice."""

import itertools
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from emoclr.configs.errors import ConfigError
from emoclr.configs.messages import count_of, readable, some
from emoclr.corpus.audio.file_kinds import check_recordings, check_table, is_table
from emoclr.corpus.index.audio_files import find_audio
from emoclr.corpus.labels.labels_csv import read_clips
from emoclr.corpus.labels.tables.text_table import LabelsError
from emoclr.evaluate.metrics.arrays import Array
from emoclr.evaluate.pooling import RunningPool
from emoclr.finetune.model.checkpoint import EnsembleCard
from emoclr.finetune.model.emotion_model import Ensemble
from emoclr.finetune.model.voice_shift import MIN_WINDOWS, voice_shift
from emoclr.predict.stream.rows import Over, Window, item_of_line

FOLDER = "folder"
ONE_MOOD = (
    "note: each recording is heard against the others of its speaker, so the table is written once all are heard; a "
    "speaker's recordings that are all of one mood shift its zero, and the mood is lost"
)

Lines = Callable[[], Iterable[bytes]]
"""Gives the lines of `item_lines`, from the first on, each time it is called."""


def find_speakers(sources: Sequence[Path], speaker: str) -> tuple[list[Path], list[str]]:
    """Returns recordings and who speaks in each, "" where that is not known.

    Args:
        sources: files and folders, or one table of recordings.
        speaker: `folder`, where the recordings of a folder are of one speaker; of a table, its column.

    Raises:
        ConfigError: a source does not exist, or is not what `speaker` asks for, or a recording has two speakers.

    Examples:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> (folder / "calls.csv").write_text("file,who\\na.wav,anna\\nb.wav,ben\\n") > 0
        True
        >>> find_speakers([folder / "calls.csv"], "who")[1]
        ['anna', 'ben']
    """
    if not any(is_table(source) and not source.is_dir() for source in sources):
        if speaker != FOLDER:
            raise ConfigError(
                f"--speaker {speaker or repr(speaker)}: is a column of a table of recordings, and none is given; "
                f"--speaker {FOLDER} takes each folder's recordings for one speaker's"
            )
        check_recordings(*sources)
        paths = find_audio(sources)
        return paths, [str(path.parent) for path in paths]
    if len(sources) > 1:
        raise ConfigError(f"--speaker {speaker}: takes one table of recordings, and nothing beside it")
    check_table(sources[0])
    table = read_clips(sources[0], {"speaker": speaker, "split": None, "fold": None, "start": None, "end": None})
    found: dict[Path, str] = {}
    for path, name in zip(table.paths, table.speakers or [], strict=True):
        if found.setdefault(path, name) != name:
            raise LabelsError(
                table.source,
                f"{readable(path)} is of {readable(found[path])} and of {readable(name)}; recordings are heard whole, "
                "so cut it into one file a speaker",
                column=speaker,
            )
    return list(found), list(found.values())


class Voices:
    """The speakers of recordings, and what these say of emotions once all are heard.

    Args:
        ensemble: from `load_ensemble`.
        card: its card.
        paths: the recordings.
        speakers: of each; "" where that is not known.

    Attributes:
        speakers: of each recording.
        windows: of each speaker, as far as they are heard.

    Raises:
        ConfigError: a member's card has no `mean_logits`.
    """

    def __init__(self, ensemble: Ensemble, card: EnsembleCard, paths: Sequence[Path], speakers: Sequence[str]) -> None:
        if ensemble.mean_logits is None:
            raise ConfigError(
                "--speaker: the cards of this ensemble have no mean_logits, as those of emoclr up to 0.2.0; "
                "fine-tune it anew, or leave --speaker out"
            )
        self._card, self._of_others = card, ensemble.mean_logits
        self._paths, self.speakers = paths, speakers
        self.windows: Counter[str] = Counter()

    def moved(self, lines: Lines, silent: Collection[Path]) -> Iterator[Window | Over]:
        """Yields all that was heard, moved by what is known of its speakers. `lines` are read twice.

        Args:
            lines: of all recordings, those of one after the other.
            silent: recordings that say nothing of a voice.
        """
        shifts = self._shifts(map(item_of_line, lines()), silent)
        return (self._moved(item, shifts) for item in map(item_of_line, lines()))

    def told(self) -> Iterator[str]:
        """Yields who was heard as if not known, after `moved`."""
        few = [f"{readable(name)} ({n})" for name, n in sorted(self.windows.items()) if n < MIN_WINDOWS]
        if few:
            yield (
                f"{len(few):,} of {count_of(len(self.windows), 'speaker')} with fewer than {MIN_WINDOWS} windows heard "
                f"as if not known: {some(few)}"
            )
        if unknown := self.speakers.count(""):
            yield f"{count_of(unknown, 'recording')} without a speaker heard as without --speaker"

    def _moved(self, item: Window | Over, shifts: Mapping[str, Array]) -> Window | Over:
        if isinstance(item, Over) or not len(item.logits):
            return item
        return item._replace(logits=item.logits + shifts.get(self.speakers[item.recording], 0.0))

    def _shifts(self, heard: Iterable[Window | Over], silent: Collection[Path]) -> Mapping[str, Array]:
        """Returns what is added to the logits of each speaker; nothing of recordings is held but sums."""
        sums: dict[str, Array] = {}
        self.windows.clear()
        for recording, items in itertools.groupby(heard, key=lambda item: item.recording):
            speaker = self.speakers[recording]
            pool = RunningPool(self._card.windows)
            for item in items:
                if isinstance(item, Window) and len(item.logits):
                    pool.add(item.logits)
            if speaker and pool.windows and self._paths[recording] not in silent:
                self.windows[speaker] += pool.windows
                sums[speaker] = sums.get(speaker, 0.0) + pool.windows * pool.result()
        return {
            speaker: voice_shift(total / self.windows[speaker], self._of_others, self.windows[speaker])
            for speaker, total in sums.items()
        }
