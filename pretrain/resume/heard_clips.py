"""Which clips an encoder has heard in pretraining: their fingerprints, kept beside its weights."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoclr.configs.console import say
from emoclr.configs.errors import EmoclrError
from emoclr.configs.files import write_atomically
from emoclr.pretrain.data.sources import Source, open_source
from emoclr.pretrain.encoder.folders import FINGERPRINTS, CheckpointError, find_run
from emoclr.pretrain.resume.run_card import RunCard

Fingerprints = NDArray[np.uint64]
"""`(fingerprints,)`, sorted, each once; see `corpus.audit.clip_fingerprints`."""


def read_fingerprints(folder: Path, name: str = FINGERPRINTS) -> Fingerprints | None:
    """Returns the fingerprints beside the weights in a backbone's folder, None where none are kept.

    Args:
        folder: of the backbone.
        name: of the file.

    Raises:
        CheckpointError: the file is damaged.

    Examples:
        >>> read_fingerprints(Path("nowhere")) is None
        True
    """
    path = folder / name
    if not path.is_file():
        return None
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise CheckpointError(f"{path}: cannot be read; remove it, or take it from a copy") from error
    if not isinstance(found, np.ndarray) or found.dtype != np.uint64 or found.ndim != 1:
        raise CheckpointError(f"{path}: holds no fingerprints of clips; remove it, or take it from a copy")
    return found


def write_fingerprints(folder: Path, fingerprints: NDArray[np.uint64], name: str = FINGERPRINTS) -> None:
    """Writes fingerprints of any shape beside the weights in a backbone's folder, into the file of that name."""

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            np.save(file, np.unique(fingerprints), allow_pickle=False)

    write_atomically(folder / name, write)


def copy_fingerprints(source: Path, folder: Path, *names: str) -> None:
    """Writes those of one folder into another, each file of these names that it has; `FINGERPRINTS` without names."""
    for name in names or (FINGERPRINTS,):
        if (found := read_fingerprints(source, name)) is not None:
            write_fingerprints(folder, found, name)


def keep_fingerprints(folder: Path, run: RunCard, source: Source) -> None:
    """Writes the fingerprints of what a backbone that begins, or goes on, learns from; none where they are not known.

    Args:
        folder: of the backbone.
        run: the card of its run.
        source: the corpus.
    """
    if (folder / FINGERPRINTS).is_file() and not _changed_recordings(run):
        return
    before, now = _heard_before(folder, run), source.fingerprints()
    if before is not None and now is not None:
        write_fingerprints(folder, np.concatenate([before, now]))


def find_fingerprints(folder: Path, run: RunCard) -> Fingerprints | None:
    """Returns the fingerprints of what a finished backbone heard: those kept, else those of its run's recordings.

    None, with the reason told, where the recordings are gone, or others than they were, or in tars.

    Args:
        folder: of the backbone.
        run: the card of its run.
    """
    if (kept := read_fingerprints(folder)) is not None:
        return kept
    before = _heard_before(folder, run)
    if before is None:
        why = "what its run heard before these recordings is not known"
    else:
        try:
            source = open_source(run.settings)
            now = source.fingerprints() if source.fingerprint == run.corpus_fingerprint else None
            if now is not None:
                return np.concatenate([before, now])
            why = "the recordings of its run are in tars, or others than they were"
        except EmoclrError as error:
            why = f"the recordings of its run are not there: {error}"
    say(f"note: {folder}: no {FINGERPRINTS}, so reports will not know what it has heard: {why}")
    return None


def _heard_before(folder: Path, run: RunCard) -> Fingerprints | None:
    """Returns what a backbone heard before the recordings that its run has now, None where that is not known."""
    if (kept := read_fingerprints(folder)) is not None:
        return kept
    if _changed_recordings(run):
        return None
    if run.settings.start_from is None:
        return np.zeros(0, dtype=np.uint64)
    try:
        start = find_run(run.settings.start_from)
    except EmoclrError:
        return None
    inside = read_fingerprints(start / folder.name)
    return read_fingerprints(start) if inside is None else inside


def _changed_recordings(run: RunCard) -> bool:
    return any("corpus_fingerprint" in change.differences for change in run.history)
