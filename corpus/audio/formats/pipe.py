"""Standard input as a file that FFmpeg reads as it comes: it cannot go back, and never waits for more than there is."""

import contextlib
import os
from dataclasses import dataclass
from typing import IO

from emoclr.configs.errors import ConfigError

_HEAD_BYTES = 12
"""Enough to tell an mp4."""

_WAITING_BYTES = 1 << 20
"""What a pipe holds while networks are loaded, where the system allows it: 32 s of 16-bit mono at 16 kHz."""


@dataclass(frozen=True)
class RawPcm:
    """Samples without a header: 16-bit signed integers, little-endian, channels interleaved.

    Attributes:
        sample_rate: Hz.
        channels: how many.
    """

    sample_rate: int
    channels: int = 1


class Pipe:
    """A stream of bytes that is read once, from the beginning on.

    Args:
        file: standard input, or another open file.
        raw: how its bytes are samples; None where they are a container.

    Attributes:
        raw: see above.
        head: its first bytes; there once something was read.

    Raises:
        ConfigError: the file is a terminal.

    Examples:
        >>> import os
        >>> end, begin = os.pipe()
        >>> os.write(begin, b"RIFF"), os.close(begin)
        (4, None)
        >>> pipe = Pipe(os.fdopen(end, "rb"))
        >>> pipe.peek(2), pipe.read(100), pipe.read(100), pipe.read(100), pipe.head
        (b'RI', b'RI', b'FF', b'', b'RIFF')
    """

    def __init__(self, file: IO[bytes], raw: RawPcm | None = None) -> None:
        self._file = file  # which is closed where nobody has it
        if file.isatty():
            raise ConfigError(
                "-: standard input is a terminal; pipe a recording into it, as in `cat a.mp3 | predict -`"
            )
        self.raw, self.head = raw, b""
        self._put_back = b""
        with contextlib.suppress(ImportError, AttributeError, OSError):  # of Linux alone, and of pipes
            import fcntl

            fcntl.fcntl(file, fcntl.F_SETPIPE_SZ, _WAITING_BYTES)

    def read(self, size: int) -> bytes:
        """Returns what there is, at most `size` bytes; waits where there is nothing yet; empty at the end."""
        if self._put_back:
            found, self._put_back = self._put_back[:size], self._put_back[size:]
            return found
        found = os.read(self._file.fileno(), size)
        if len(self.head) < _HEAD_BYTES:
            self.head += found[: _HEAD_BYTES - len(self.head)]
        return found

    def peek(self, size: int) -> bytes:
        """Returns its next bytes, which are read again; waits for them; fewer at the end."""
        found = b""
        while len(found) < size and (more := self.read(size - len(found))):
            found += more
        self.put_back(found)
        return found

    def put_back(self, content: bytes) -> None:
        """Lets bytes be read next."""
        self._put_back = content + self._put_back
