"""Clips that turn out unreadable in the middle of a run: named, counted, and too many of them end it."""

from configs.console import say
from configs.errors import EmoclrError

MAX_LOST = 0.01


class LostClips:
    """The clips that one pass over a corpus has lost so far.

    Args:
        max_lost: the share of an epoch's clips that may be lost before the run ends.
        reasons: of those that were named already, by name; completed here, so that a run names each once.
    """

    def __init__(self, max_lost: float = MAX_LOST, reasons: dict[str, str] | None = None) -> None:
        self.max_lost = max_lost
        self.reasons: dict[str, str] = {} if reasons is None else reasons
        self._epoch, self._count = -1, 0

    def add(self, epoch: int, name: str, reason: str, clips_per_epoch: int) -> None:
        """Counts a clip that this epoch goes without, and names it where it is the first time.

        Raises:
            EmoclrError: these are more than `max_lost` allows.
        """
        if epoch != self._epoch:
            self._epoch, self._count = epoch, 0
        self._count += 1
        if name not in self.reasons:
            self.reasons[name] = reason
            say(f"lost: {name}: {reason}")
        if self._count > self.max_lost * clips_per_epoch:
            raise EmoclrError(
                f"{self._count} clips of epoch {epoch} are lost, more than the share of {self.max_lost:g} that "
                "max_lost allows. The last checkpoint is kept: mend the recordings, then go on with --resume"
            )
