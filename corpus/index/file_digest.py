"""The content of a file as a digest, by which copies are recognised whatever their names."""

import hashlib
from pathlib import Path

DIGEST_BYTES = 16


def file_digest(path: Path) -> str:
    """Returns BLAKE2b of a file's bytes, as 32 hexadecimal digits.

    Raises:
        OSError: they cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=DIGEST_BYTES)).hexdigest()
