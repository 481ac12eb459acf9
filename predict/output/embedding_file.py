"""Embeddings of whole folders, written as they come: Parquet, npz, or npy with an index beside it."""

import itertools
import tempfile
import zipfile
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from emoclr.configs.errors import ConfigError
from emoclr.configs.files import csv_line, path_cell, write_atomically
from emoclr.configs.messages import readable
from emoclr.predict.output.out_path import FIRST_COLUMNS
from emoclr.pretrain.encoder.recordings import EmbeddedRow

_ROWS_AT_ONCE = 1 << 10


def check_embeddings(out: Path) -> None:
    """Checks that embeddings can be written without harm to any file.

    Raises:
        ConfigError: the ending is none that is known, or there is something already.
    """
    if out.suffix.lower() not in _WRITERS:
        raise ConfigError(f"--embeddings {readable(out)}: ends in none of {', '.join(_WRITERS)}")
    for path in (out, index_path(out)) if out.suffix.lower() == ".npy" else (out,):
        if path.exists() or path.is_symlink():
            raise ConfigError(f"{readable(path)}: is there already; remove it, or give another --embeddings")


def index_path(out: Path) -> Path:
    """Returns where it is written which row of an npy is what: `embeddings.npy` has `embeddings.index.csv`."""
    return out.with_name(f"{out.stem}.index.csv")


def write_embeddings(rows: Iterable[EmbeddedRow], paths: Sequence[Path], out: Path) -> int:
    """Writes embeddings atomically, in the form that the ending of `out` names; returns how many there are.

    Parquet has the columns `path, start_s, end_s, embedding`; npz has arrays `embeddings` (rows, features), `path`,
    `start_s` and `end_s`; npy is `embeddings` alone, and its index is a CSV of `path, start_s, end_s`. Without rows
    nothing is written.

    Examples:
        >>> rows = [EmbeddedRow(0, 0.0, 2.5, np.zeros(4, np.float32))]
        >>> out = Path(tempfile.mkdtemp()) / "embeddings.npz"
        >>> write_embeddings(rows, [Path("a.wav")], out)
        1
        >>> {name: content.shape for name, content in np.load(out).items()}
        {'embeddings': (1, 4), 'path': (1,), 'start_s': (1,), 'end_s': (1,)}
    """
    rows = iter(rows)
    if (first := next(rows, None)) is None:
        return 0
    count = 0

    def counted() -> Iterator[EmbeddedRow]:
        nonlocal count
        for row in itertools.chain([first], rows):
            count += 1
            yield row

    out.parent.mkdir(parents=True, exist_ok=True)
    _WRITERS[out.suffix.lower()](counted(), paths, len(first.embedding), out)
    return count


class _Index:
    """Which part of which recording each row is; little is held of each."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self.recordings, self.starts_s, self.ends_s = array("q"), array("d"), array("d")

    def noting(self, rows: Iterable[EmbeddedRow]) -> Iterator[NDArray[np.float32]]:
        """Yields the embeddings of rows, and takes down what they are of."""
        for row in rows:
            self.recordings.append(row.recording)
            self.starts_s.append(row.start_s)
            self.ends_s.append(row.end_s)
            yield row.embedding

    def lines(self) -> Iterator[str]:
        """Yields a CSV, line by line."""
        yield csv_line(FIRST_COLUMNS)
        for recording, start_s, end_s in zip(self.recordings, self.starts_s, self.ends_s, strict=True):
            yield csv_line([path_cell(self._paths[recording]), f"{start_s:.3f}", f"{end_s:.3f}"])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Returns the index as arrays by their names."""
        names = np.array([_utf8(path) for path in self._paths])
        return {
            "path": names[np.frombuffer(self.recordings, np.int64)],
            "start_s": np.frombuffer(self.starts_s),
            "end_s": np.frombuffer(self.ends_s),
        }


def _utf8(path: Path) -> str:
    """Returns a path as text that every library takes."""
    return bytes(path).decode(errors="backslashreplace")


def _parquet(rows: Iterator[EmbeddedRow], paths: Sequence[Path], features: int, out: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    numbers = [(name, pa.float64()) for name in FIRST_COLUMNS[1:]]
    schema = pa.schema([("path", pa.string()), *numbers, ("embedding", pa.list_(pa.float32(), features))])

    def write(path: Path) -> None:
        with pq.ParquetWriter(path, schema) as writer:
            while some := list(itertools.islice(rows, _ROWS_AT_ONCE)):
                vectors = pa.array(np.concatenate([row.embedding for row in some]))
                columns = [
                    [_utf8(paths[row.recording]) for row in some],
                    [row.start_s for row in some],
                    [row.end_s for row in some],
                    pa.FixedSizeListArray.from_arrays(vectors, features),
                ]
                writer.write_table(pa.table(columns, schema=schema))

    write_atomically(out, write)


def _npy(rows: Iterator[EmbeddedRow], paths: Sequence[Path], features: int, out: Path) -> None:
    index = _Index(paths)

    def write_index(path: Path) -> None:
        with path.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            file.writelines(index.lines())

    def write(path: Path) -> None:
        with path.open("wb") as file:
            _write_npy(file, index.noting(rows), features)
        write_atomically(index_path(out), write_index)

    write_atomically(out, write)


def _npz(rows: Iterator[EmbeddedRow], paths: Sequence[Path], features: int, out: Path) -> None:
    index = _Index(paths)

    def write(path: Path) -> None:
        # The number of rows stands before them, so they are written once before they go into the archive.
        with tempfile.NamedTemporaryFile(dir=out.parent) as held:
            _write_npy(held, index.noting(rows), features)
            held.flush()
            with zipfile.ZipFile(path, "w") as archive:
                archive.write(held.name, "embeddings.npy")
                for name, content in index.arrays().items():
                    with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                        npy.write_array(file, content, allow_pickle=False)

    write_atomically(out, write)


def _write_npy(file: IO[bytes], rows: Iterable[NDArray[np.float32]], features: int) -> None:
    """Writes rows behind a header, which says at last how many they are: numpy leaves room for that."""
    head: dict[str, Any] = {"descr": "<f4", "fortran_order": False, "shape": (0, features)}
    npy.write_array_header_1_0(file, head)
    count = 0
    for row in rows:
        count += 1
        file.write(row.astype("<f4").tobytes())
    file.seek(0)
    npy.write_array_header_1_0(file, {**head, "shape": (count, features)})


_WRITERS: dict[str, Callable[[Iterator[EmbeddedRow], Sequence[Path], int, Path], None]] = {
    ".parquet": _parquet,
    ".npz": _npz,
    ".npy": _npy,
}
