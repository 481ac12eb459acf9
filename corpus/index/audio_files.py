"""Finding audio files in folders, by the suffixes of their names."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from emoclr.configs.console import say, track
from emoclr.configs.errors import ConfigError
from emoclr.configs.messages import readable, some
from emoclr.corpus.audio.file_kinds import AUDIO_SUFFIXES, check_recordings, is_archive

if TYPE_CHECKING:
    import pyarrow as pa

_NAMES_AT_ONCE = 1 << 14
_MACOS_PREFIX = "._"


class AudioWalk:
    """A walk through folders that takes recordings by their endings, and counts what it passes by.

    Hidden files and folders are passed by, links followed, and each folder is entered once, so that a link to a folder
    above it does no harm.

    Examples:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> for name in ("a.wav", "notes.txt", "songs.zip"):
        ...     (folder / name).touch()
        >>> walk = AudioWalk()
        >>> len(list(walk.through([folder]))), walk.passed_by()
        (1, ['passed by, since they do not end as recordings do: 1 .txt, 1 .zip (unpack it)'])
    """

    def __init__(self) -> None:
        self._empty: list[str] = []
        self._endings: Counter[str] = Counter()
        self._others: Counter[str] = Counter()
        self._examples: dict[str, str] = {}
        self._entered: set[tuple[int, int]] = set()

    def through(self, folders: Sequence[Path]) -> Iterator[str]:
        """Yields the recordings below some folders; a file is taken as it is, whatever its ending.

        Raises:
            ConfigError: one of `folders` does not exist, or is an archive or a table.
        """
        for folder in map(Path, folders):
            check_recordings(folder)
            if not folder.is_dir():
                yield str(folder)
                continue
            any_found = _identity(folder) in self._entered
            for name in self._below(str(folder)):
                any_found = True
                yield name
            if not any_found:
                self._empty.append(readable(folder))

    def passed_by(self) -> list[str]:
        """Returns a line for each reason why something was passed by, with how much it was and an example."""
        endings = [f"{count:,} {readable(ending)}{_hint(ending)}" for ending, count in self._endings.most_common()]
        lines = [f"passed by, since they do not end as recordings do: {some(endings, 8)}"] if endings else []
        for reason, count in self._others.items():
            lines.append(f"passed by, since {reason}: {count:,} (such as {readable(self._examples[reason])})")
        return lines

    def tell(self, folders: Sequence[Path], found: int) -> None:
        """Says what was passed by.

        Raises:
            ConfigError: no recording was found; the message says what is there instead.
        """
        lines = self.passed_by()
        if not found:
            named = "a file that is given by its own name is read whatever its ending"
            there = "; ".join([*lines, named] if self._endings else lines) or "nothing is there"
            raise ConfigError(f"no recordings in {some(list(map(readable, folders)))}: {there}")
        if self._empty:
            say(f"no recordings in {some(self._empty)}")
        for line in lines:
            say(line)

    def _below(self, folder: str) -> Iterator[str]:
        waiting = [folder]
        while waiting:
            folders = []
            for child in self._children(waiting.pop()):
                ending = os.path.splitext(child.name)[1].lower()  # noqa: PTH122 (a third of the time)
                if child.name.startswith("."):
                    self._pass_by_hidden(child, ending)
                elif _is_folder(child):
                    folders.append(child.path)
                elif ending in AUDIO_SUFFIXES:
                    yield child.path
                elif child.is_symlink() and not Path(child.path).exists():
                    self._pass_by(child.path, "they are links that lead nowhere")
                else:
                    self._endings[ending or "(no ending)"] += 1
            waiting += folders[::-1]

    def _children(self, folder: str) -> list["os.DirEntry[str]"]:
        """Returns what lies in a folder, sorted; nothing where it was entered before."""
        try:
            identity = _identity(Path(folder))
            if identity in self._entered:
                return []
            self._entered.add(identity)
            with os.scandir(folder) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            self._pass_by(folder, f"they cannot be entered ({error.strerror or error})")
            return []

    def _pass_by_hidden(self, child: "os.DirEntry[str]", ending: str) -> None:
        """Counts what is hidden and a recording, or a folder that holds one."""
        if child.name.startswith(_MACOS_PREFIX):
            self._pass_by(child.path, "macOS keeps notes on other files there")
        elif _holds_recordings(child.path) if _is_folder(child) else ending in AUDIO_SUFFIXES:
            self._pass_by(child.path, "they are hidden")

    def _pass_by(self, name: str, reason: str) -> None:
        self._others[reason] += 1
        self._examples.setdefault(reason, name)


def find_audio(folders: Sequence[Path]) -> list[Path]:
    """Returns the recordings below some folders, sorted; a file is taken as it is, whatever its ending.

    Goes by the ending of the name, and says what it passes by.

    Raises:
        ConfigError: one of `folders` does not exist, is an archive or a table, or there are no recordings.

    Examples:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> for name in ("b.wav", "a.flac", "notes.txt"):
        ...     (folder / name).touch()
        >>> [path.name for path in find_audio([folder])]
        ['a.flac', 'b.wav']
    """
    walk = AudioWalk()
    found = sorted({Path(name) for name in walk.through(folders)})
    walk.tell(folders, len(found))
    return found


def check_audio(folders: Sequence[Path]) -> None:
    """Looks for the first recording below some folders.

    Raises:
        ConfigError: there is none, one of `folders` does not exist, or is an archive or a table.
    """
    walk = AudioWalk()
    if next(walk.through(folders), None) is None:
        walk.tell(folders, 0)


def list_audio(folders: Sequence[Path]) -> "pa.Table":
    """Returns `path` (absolute), `size` and `modified` of the recordings below some folders, as in the index.

    Sorted by path. The latter two are null where the file system does not tell. Says what it passes by.

    Raises:
        ConfigError: one of `folders` does not exist, is an archive or a table, or there are no recordings.
    """
    walk = AudioWalk()
    absolute = [Path(os.path.abspath(folder)) for folder in folders]  # noqa: PTH100 (pathlib would follow links)
    found = list_files(track(walk.through(absolute), "looking"))
    walk.tell(folders, len(found))
    return found


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


def _hint(ending: str) -> str:
    """Returns what to do with files of an ending."""
    if ending == ".tar":
        return " (unpack it; `pretrain` reads tars that are given by their own names)"
    return " (unpack it)" if is_archive(f"name{ending}") else ""


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _holds_recordings(folder: str) -> bool:
    names = (name for _, _, names in os.walk(folder) for name in names)
    return any(Path(name).suffix.lower() in AUDIO_SUFFIXES for name in names if not name.startswith(_MACOS_PREFIX))


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False
