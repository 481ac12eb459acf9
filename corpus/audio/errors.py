"""What is wrong with a recording."""

from pathlib import Path

from emoclr.configs.errors import EmoclrError

NOTHING_BETWEEN = "no samples between"
"""How the reason begins where a recording ends before a part of it begins."""


PLAINER_REASONS = {
    "Invalid data found when processing input": "no audio that a decoder knows in it",
    "Invalid argument": "no audio that a decoder knows in it",
    "Cannot allocate memory": "its header claims more than a file can hold",
}
"""What FFmpeg says of a file that it does not open, in words for its owner."""


class AudioError(EmoclrError):
    """A recording that cannot be read; `path` says which and `reason` why.

    Examples:
        >>> str(AudioError(Path("a.wav"), "empty file (0 bytes)"))
        'a.wav: empty file (0 bytes)'
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason

    def __reduce__(self) -> tuple[type["AudioError"], tuple[Path, str]]:
        """Lets the error travel from a worker process, whole."""
        return type(self), (self.path, self.reason)


class DecoderError(Exception):
    """A decoder cannot open, or goes on no further; the message says why, without the file's name."""


def reason_of(error: Exception) -> str:
    """Returns what an error of the system, of libsndfile or of FFmpeg says, without the file's name."""
    text = getattr(error, "error_string", None) or getattr(error, "strerror", None) or str(error)
    return str(text).rstrip(".")
