"""Finding audio files in folders, by the suffixes of their names."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from emoclr.configs.console import say, track
from emoclr.configs.errors import ConfigError
from emoclr.configs.messages import readable
from emoclr.corpus.audio.decoder import AUDIO_SUFFIXES

if TYPE_CHECKING:
    import pyarrow as pa

_NAMES_AT_ONCE = 1 << 14


class AudioWalk:
    """A walk through folders; hidden ones are skipped, links followed, and each is entered once.

    So a link to a folder above it does no harm.

    Attributes:
        others: how many files were passed by, for each ending.
    """

    def __init__(self) -> None:
        self.others: Counter[str] = Counter()
        self._entered: set[tuple[int, int]] = set()

    def through(self, folders: Sequence[Path]) -> Iterator[str]:
        """Yields the recordings below some folders; a file is taken as it is, whatever its ending.

        Raises:
            ConfigError: one of `folders` does not exist.
        """
        for folder in map(Path, folders):
            if folder.is_dir():
                yield from self._below(str(folder))
            elif folder.exists():
                yield str(folder)
            else:
                raise ConfigError(f"{folder}: no such file or folder")

    def skipped_summary(self) -> list[str]:
        """Returns a line that says what was no recording by its ending; none where there was nothing."""
        if not self.others:
            return []
        endings = [f"{count:,} {readable(ending)}" for ending, count in self.others.most_common()]
        return [f"passed by, since they do not end as recordings do: {', '.join(endings)}"]

    def _below(self, folder: str) -> Iterator[str]:
        waiting = [folder]
        while waiting:
            folders = []
            for child in self._children(waiting.pop()):
                ending = os.path.splitext(child.name)[1].lower()  # noqa: PTH122 (a third of the time)
                if child.name.startswith("."):
                    continue
                if _is_folder(child):
                    folders.append(child.path)
                elif ending in AUDIO_SUFFIXES:
                    yield child.path
                else:
                    self.others[ending or "(no ending)"] += 1
            waiting += folders[::-1]

    def _children(self, folder: str) -> list["os.DirEntry[str]"]:
        """Returns what lies in a folder, sorted; nothing where it was entered before."""
        try:
            status = Path(folder).stat()
            if (status.st_dev, status.st_ino) in self._entered:
                return []
            self._entered.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            say(f"{folder}: skipped, {error.strerror or error}")
            return []


def find_audio(folders: Sequence[Path]) -> list[Path]:
    """Returns the recordings below some folders, sorted; a file is taken as it is, whatever its ending.

    Goes by the ending of the name. Hidden files and folders are skipped; links are followed, each folder is
    entered once, so that a link to a folder above it does no harm.

    Raises:
        ConfigError: one of `folders` does not exist.

    Examples:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> for name in ("b.wav", "a.flac", "notes.txt"):
        ...     (folder / name).touch()
        >>> [path.name for path in find_audio([folder])]
        ['a.flac', 'b.wav']
    """
    return sorted({Path(name) for name in AudioWalk().through(folders)})


def list_audio(folders: Sequence[Path], walk: AudioWalk) -> "pa.Table":
    """Returns `path` (absolute), `size` and `modified` of the recordings below some folders, as in the index.

    Sorted by path. The latter two are null where the file system does not tell.

    Raises:
        ConfigError: one of `folders` does not exist.
    """
    absolute = [Path(os.path.abspath(folder)) for folder in folders]  # noqa: PTH100 (pathlib would follow links)
    return list_files(track(walk.through(absolute), "looking"))


def list_files(names: Iterable[str]) -> "pa.Table":
    """Returns the same table of files that are known by their absolute names, each once; they need not exist."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found = _as_arrow(names).unique()
    found = found.take(pc.sort_indices(found))
    sizes = np.zeros((2, len(found)), dtype=np.int64)
    unknown = np.zeros(len(found), dtype=np.bool_)
    for row, name in enumerate(track(found, "looking at sizes and times", total=len(found))):
        try:
            status = os.stat(name.as_py())  # noqa: PTH116 (pathlib takes no bytes)
            sizes[:, row] = status.st_size, status.st_mtime_ns
        except OSError:
            unknown[row] = True
    size, modified = (pa.array(values, mask=unknown) for values in sizes)
    return pa.table({"path": found, "size": size, "modified": modified})


def _as_arrow(names: Iterable[str]) -> "pa.ChunkedArray":
    import pyarrow as pa

    chunks, waiting = [], list[bytes]()
    for name in names:
        waiting.append(os.fsencode(name))
        if len(waiting) == _NAMES_AT_ONCE:
            chunks.append(pa.array(waiting, pa.large_binary()))
            waiting.clear()
    return pa.chunked_array([*chunks, pa.array(waiting, pa.large_binary())])


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False
