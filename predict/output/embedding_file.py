"""Embeddings of whole folders as a file: Parquet, npz, or npy with an index beside it."""

import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from emoclr.configs.errors import ConfigError
from emoclr.configs.files import csv_line, path_cell, write_atomically
from emoclr.configs.messages import readable
from emoclr.predict.output.out_path import FIRST_COLUMNS

Records = NDArray[np.void]
"""Rows of `record_type`, (rows,)."""

_NUMBERS = [*FIRST_COLUMNS[1:], "voice"]
_ROWS_AT_ONCE = 1 << 10


def check_embeddings(out: Path) -> None:
    """Checks that embeddings can be written without harm to any file.

    Raises:
        ConfigError: the ending is none that is known, or there is something already.
    """
    if out.suffix.lower() not in _WRITERS:
        raise ConfigError(f"--embeddings {readable(out)}: give a file that ends in {', '.join(_WRITERS)}")
    for path in (out, index_path(out)) if out.suffix.lower() == ".npy" else (out,):
        if path.exists() or path.is_symlink():
            raise ConfigError(f"{readable(path)}: is there already; remove it, or give another --embeddings")


def index_path(out: Path) -> Path:
    """Returns where it is written which row of an npy is what: `embeddings.npy` has `embeddings.index.csv`."""
    return out.with_name(f"{out.stem}.index.csv")


def record_type(features: int) -> np.dtype[np.void]:
    """Returns how a row lies in an unfinished file: number of the recording, start_s, end_s, voice, embedding."""
    numbers = [(name, "<f8") for name in _NUMBERS]
    return np.dtype([("recording", "<i8"), *numbers, ("embedding", "<f4", (features,))])


@dataclass(frozen=True)
class RecordFile:
    """Embeddings one after the other in a file.

    Attributes:
        path: the file.
        features: of an embedding.
        paths: the recordings, by their number.
    """

    path: Path
    features: int
    paths: Sequence[Path]

    def __len__(self) -> int:
        return self.path.stat().st_size // record_type(self.features).itemsize

    def __iter__(self) -> Iterator[Records]:
        """Yields the rows, about a thousand at a time."""
        kind = record_type(self.features)
        with self.path.open("rb") as file:
            while len(some := np.frombuffer(file.read(_ROWS_AT_ONCE * kind.itemsize), kind)):
                yield some

    def column(self, name: str) -> NDArray[Any]:
        """Returns what all rows have there, (rows,)."""
        return np.concatenate([some[name] for some in self])


def write_embeddings(records: RecordFile, out: Path) -> None:
    """Writes embeddings atomically, in the form that the ending of `out` names.

    Parquet has the columns `path, start_s, end_s, voice, embedding`; npz has arrays `embeddings` (rows, features),
    `path`, `start_s`, `end_s` and `voice`; npy is `embeddings` alone, and its index is a CSV of the rest.

    Examples:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> np.array([(0, 0.0, 2.5, 1.0, np.zeros(4))], record_type(4)).tofile(folder / "part")
        >>> write_embeddings(RecordFile(folder / "part", 4, [Path("a.wav")]), folder / "embeddings.npz")
        >>> {name: content.shape for name, content in np.load(folder / "embeddings.npz").items()}
        {'embeddings': (1, 4), 'path': (1,), 'start_s': (1,), 'end_s': (1,), 'voice': (1,)}
    """
    _WRITERS[out.suffix.lower()](records, out)


def _utf8(path: Path) -> str:
    """Returns a path as text that every library takes."""
    return bytes(path).decode(errors="backslashreplace")


def _parquet(records: RecordFile, out: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    numbers = [(name, pa.float64()) for name in _NUMBERS]
    kind = pa.list_(pa.float32(), records.features)
    schema = pa.schema([("path", pa.string()), *numbers, ("embedding", kind)])

    def write(path: Path) -> None:
        with pq.ParquetWriter(path, schema) as writer:
            for some in records:
                vectors = pa.array(some["embedding"].ravel())
                columns = [
                    [_utf8(records.paths[recording]) for recording in some["recording"]],
                    *(np.ascontiguousarray(some[name]) for name in _NUMBERS),
                    pa.FixedSizeListArray.from_arrays(vectors, records.features),
                ]
                writer.write_table(pa.table(columns, schema=schema))

    write_atomically(out, write)


def _npy(records: RecordFile, out: Path) -> None:
    def write_index(path: Path) -> None:
        with path.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            file.write(csv_line([*FIRST_COLUMNS, "voice"]))
            for some in records:
                for recording, start_s, end_s, voice in some[["recording", *_NUMBERS]].tolist():
                    cells = [path_cell(records.paths[recording]), f"{start_s:.3f}", f"{end_s:.3f}", f"{voice:.4f}"]
                    file.write(csv_line(cells))

    def write(path: Path) -> None:
        with path.open("wb") as file:
            _write_npy(file, records)

    write_atomically(index_path(out), write_index)
    write_atomically(out, write)


def _npz(records: RecordFile, out: Path) -> None:
    def write(path: Path) -> None:
        names = np.array([_utf8(path) for path in records.paths])
        columns = {"path": names[records.column("recording")], **{name: records.column(name) for name in _NUMBERS}}
        with zipfile.ZipFile(path, "w") as archive:
            # An entry of its own has no time of day in it.
            with archive.open(zipfile.ZipInfo("embeddings.npy"), "w", force_zip64=True) as file:
                _write_npy(file, records)
            for name, content in columns.items():
                with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as file:
                    npy.write_array(file, content, allow_pickle=False)

    write_atomically(out, write)


def _write_npy(file: IO[bytes], records: RecordFile) -> None:
    shape = (len(records), records.features)
    npy.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
    for some in records:
        file.write(some["embedding"].tobytes())


_WRITERS: dict[str, Callable[[RecordFile, Path], None]] = {".parquet": _parquet, ".npz": _npz, ".npy": _npy}
