"""What the server takes, and how it says no."""

from dataclasses import dataclass

from emoclr.configs.errors import ConfigError, EmoclrError

MIN_RECEIVED_BYTES = 1 << 16
"""So much of an upload, or the rest of it, has to come within `Limits.silent_s`: 4 KB/s."""


@dataclass(frozen=True)
class Limits:
    """What the server takes.

    Attributes:
        max_bytes: of a file.
        max_s: of sound, s.
        jobs: recordings at once, and as many microphones.
        queue: recordings that may wait for their turn.
        kept_s: how long anything is kept, of an upload that does not end or an answer that nobody takes, s.
        silent_s: how long a sender may send next to nothing, s.

    Raises:
        ConfigError: one is out of range.

    Examples:
        >>> Limits().max_s
        3600.0
        >>> Limits(jobs=0)
        Traceback (most recent call last):
            ...
        emoclr.configs.errors.ConfigError: --jobs 0: at least 1
    """

    max_bytes: int = 200_000_000
    max_s: float = 3600.0
    jobs: int = 1
    queue: int = 8
    kept_s: float = 600.0
    silent_s: float = 15.0

    def __post_init__(self) -> None:
        for option, value, least in (("max-mb", self.max_bytes, 1), ("jobs", self.jobs, 1), ("queue", self.queue, 0)):
            if value < least:
                raise ConfigError(f"--{option} {value}: at least {least}")
        if not 0 < self.max_s <= 24 * 3600:
            raise ConfigError(f"--max-s {self.max_s:g}: more than 0 and at most 86400, which is a day")


class Refused(EmoclrError):
    """A request that is not answered; the message says what would be right.

    Attributes:
        status: of the answer, as HTTP counts them.
        headers: of the answer.

    Examples:
        >>> Refused(413, "too large").status
        413
    """

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.headers = status, headers or {}
