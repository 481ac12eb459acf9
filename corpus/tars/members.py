"""The files in a tar, one after the other: a bad one costs itself, and a bad header what it stands for."""

import gzip
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from tarfile import EOFHeaderError, InvalidHeaderError, SubsequentHeaderError  # type: ignore[attr-defined]
from typing import IO, NamedTuple

from emoclr.configs.errors import ConfigError
from emoclr.configs.messages import count_of, readable

MAX_MEMBER_BYTES = 1 << 30
"""A larger file in a tar is passed by: a clip is a minute long, and what a header claims need not be there."""

_META = re.compile(r"__[^/]*__($|/)")
"""Names that WebDataset keeps for itself."""


class Member(NamedTuple):
    """A file in a tar; without its content, `problem` says why."""

    name: str
    content: bytes = b""
    problem: str = ""


def open_url(url: str) -> IO[bytes]:
    """Opens a local file, or any URL for which fsspec has a file system.

    Raises:
        OSError: there is no such file, or it cannot be reached.
        ConfigError: no installed package reads such URLs.
    """
    if "://" not in url:
        return Path(url).open("rb")
    import fsspec

    try:
        file: IO[bytes] = fsspec.open(url, "rb").open()
    except (ImportError, ValueError) as error:
        raise ConfigError(f"{url}: {error}") from error
    return file


def read_members(url: str, problems: list[str]) -> Iterator[Member]:
    """Yields the files in a tar, in their order, of tars that were joined too.

    Args:
        url: of the tar.
        problems: gets why the tar cannot be opened, where it breaks off, and how many headers are damaged.
    """
    watch = _Watch()
    try:
        with open_url(url) as stream:
            # tarfile itself reads the first of several gzips only.
            packed = gzip.GzipFile(fileobj=stream) if url.lower().endswith("gz") else stream
            with tarfile.open(fileobj=packed, mode="r|*", tarinfo=watch.header_type(), ignore_zeros=True) as tar:
                for header in tar:
                    yield from watch.passed_by()
                    if not _META.match(header.name) and (header.isreg() or header.islnk() or header.issym()):
                        yield _read(tar, header)
                    tar.members = []  # type: ignore[attr-defined]
                yield from watch.passed_by()
        problems += watch.problems()
    except ConfigError:
        raise
    except Exception as error:  # a store's client has errors of its own
        yield from watch.passed_by()
        problems.append((error.strerror if isinstance(error, OSError) else str(error)) or type(error).__name__)


class _Watch:
    """Sees the headers that tarfile takes for the end of a tar, or passes by in silence.

    After a damaged header the next good one is looked for, block after block.
    """

    def __init__(self) -> None:
        self._found = self._ended = self._searching = False
        self._damaged = 0
        self._too_large: list[Member] = []

    def header_type(self) -> type[tarfile.TarInfo]:
        """Returns the class that reads headers."""
        watch = self

        class Header(tarfile.TarInfo):
            @classmethod
            def fromtarfile(cls, tar: tarfile.TarFile) -> "Header":
                try:
                    header = super().fromtarfile(tar)
                except EOFHeaderError:
                    watch._ended = True
                    raise
                except (InvalidHeaderError, SubsequentHeaderError) as error:
                    watch._damaged += not watch._searching
                    watch._searching = True
                    raise InvalidHeaderError(str(error)) from error
                watch._found, watch._ended, watch._searching = True, False, False
                if not 0 <= tar.offset - header.offset_data <= MAX_MEMBER_BYTES:
                    watch._searching = True
                    watch._too_large.append(_too_large(header))
                    raise InvalidHeaderError("absurd size")
                return header

        return Header

    def passed_by(self) -> Iterator[Member]:
        """Yields the files that were passed by for their size since the last call."""
        yield from self._too_large
        self._too_large.clear()

    def problems(self) -> Iterator[str]:
        """Yields what is wrong with a tar that was read to its end."""
        if not self._found and self._damaged:
            yield "is no tar"
        elif self._damaged:
            yield f"{count_of(self._damaged, 'damaged header')}, and as many files lost"
        elif not self._ended:
            yield "unexpected end of data"


def _read(tar: tarfile.TarFile, header: tarfile.TarInfo) -> Member:
    if not header.isreg():
        return Member(header.name, problem=f"is a link to {readable(header.linkname)}; write the tar without links")
    if header.size > MAX_MEMBER_BYTES:  # of one with holes, which are not in the tar
        return _too_large(header)
    file = tar.extractfile(header)
    return Member(header.name, b"" if file is None else file.read())


def _too_large(header: tarfile.TarInfo) -> Member:
    return Member(
        header.name, problem=f"has {header.size:,} bytes by its header, and at most {MAX_MEMBER_BYTES:,} are read"
    )
