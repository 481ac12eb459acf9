"""Many paths as two arrays, which processes share: a million Python strings would be copied page by page."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

_AT_ONCE = 1 << 16


class PathArray(Sequence[Path]):
    """Paths, absolute, as the bytes of the file system one after the other.

    Args:
        content: uint8 `(bytes,)`, all names.
        ends: int64 `(paths,)`, where each name ends in `content`.
    """

    def __init__(self, content: NDArray[np.uint8], ends: NDArray[np.int64]) -> None:
        self._content, self._ends = content, ends

    @classmethod
    def of(cls, paths: Iterable[Path]) -> "PathArray":
        """Returns paths, made absolute."""
        names = [os.fsencode(Path(path).absolute()) for path in paths]
        ends = np.cumsum([len(name) for name in names], dtype=np.int64)
        return cls(np.frombuffer(b"".join(names), dtype=np.uint8), ends)

    @classmethod
    def from_arrow(cls, chunks: "Iterable[pa.Array]") -> "PathArray":
        """Returns absolute paths from columns of `large_binary` without nulls."""
        content = bytearray()
        lengths = [np.zeros(0, dtype=np.int64)]
        for chunk in chunks:
            _, offsets, names = chunk.buffers()
            bounds = np.frombuffer(offsets, dtype=np.int64)[chunk.offset : chunk.offset + len(chunk) + 1]
            content += memoryview(names)[bounds[0] : bounds[-1]] if bounds[-1] else b""
            lengths.append(np.diff(bounds))
        return cls(np.frombuffer(content, dtype=np.uint8), np.cumsum(np.concatenate(lengths)))

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, row: int) -> Path:  # type: ignore[override]
        return Path(os.fsdecode(self.name(row)))

    def __iter__(self) -> Iterator[Path]:
        return (self[row] for row in range(len(self)))

    def name(self, row: int) -> bytes:
        """Returns a path as the bytes of the file system."""
        row = range(len(self))[row]
        begin = self._ends[row - 1] if row else 0
        return self._content[begin : self._ends[row]].tobytes()

    def digest(self) -> str:
        """Returns a digest of these paths in this order, 16 hexadecimal digits."""
        digest = hashlib.blake2b(self._content.data, digest_size=8)
        digest.update(self._ends.data)
        return digest.hexdigest()

    def codes(self) -> NDArray[np.int64]:
        """Returns a number for each path, int64 `(paths,)`, from 0 on and the same for equal paths.

        Paths are told apart by Python's hash, and only those that share one are compared: a dictionary of all of them
        would take as much memory again as they do.
        """
        hashes = np.fromiter(map(hash, self.names()), dtype=np.int64, count=len(self))
        _, codes, counts = np.unique(hashes, return_inverse=True, return_counts=True)
        shared = np.flatnonzero(counts[codes] > 1)
        if len(shared):
            codes = codes + len(self)
            codes[shared] = self.take(shared).to_arrow().dictionary_encode().indices.to_numpy()
            codes = np.unique(codes, return_inverse=True)[1]
        return codes

    def names(self) -> Iterator[bytes]:
        """Yields the paths as the bytes of the file system."""
        begin = 0
        for first in range(0, len(self), _AT_ONCE):
            for end in self._ends[first : first + _AT_ONCE].tolist():
                yield self._content[begin:end].tobytes()
                begin = end

    def to_arrow(self) -> "pa.LargeBinaryArray":
        """Returns the paths as a column, without a copy of the names."""
        import pyarrow as pa

        offsets = np.concatenate([np.zeros(1, dtype=np.int64), self._ends])
        return pa.LargeBinaryArray.from_buffers(
            pa.large_binary(), len(self), [None, pa.py_buffer(offsets), pa.py_buffer(self._content)]
        )

    def take(self, rows: NDArray[np.int64]) -> "PathArray":
        """Returns the paths of some rows."""
        import pyarrow as pa

        return PathArray.from_arrow([self.to_arrow().take(pa.array(rows))])
