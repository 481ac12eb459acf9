"""Clips that turn out unreadable in the middle of a run: named, counted, and too many of them end it."""

from emoclr.configs.console import say
from emoclr.configs.errors import EmoclrError
from emoclr.pretrain.settings import MAX_LOST

SET_ASIDE = "set-aside.txt"


class TooManyUnreadable(EmoclrError):
    """More clips of an epoch are unreadable than `max_lost` allows."""

    told_by_the_first = True


class UnreadableClips:
    """The clips that turned out unreadable on one rank so far.

    Args:
        max_lost: the share of an epoch's clips, those of all ranks, that may be unreadable before the run ends.
        reasons: of those that were named already, by name; completed here, so that a run names each once.
    """

    def __init__(self, max_lost: float = MAX_LOST, reasons: dict[str, str] | None = None) -> None:
        self.max_lost = max_lost
        self.reasons: dict[str, str] = {} if reasons is None else reasons
        self._epoch, self._count = -1, 0

    def add(self, epoch: int, name: str, reason: str) -> None:
        """Counts a clip that this epoch goes without, and names it where it is the first time."""
        if epoch != self._epoch:
            self._epoch, self._count = epoch, 0
        self._count += 1
        self.name({name: reason})

    def name(self, reasons: dict[str, str]) -> None:
        """Names unreadable clips, reasons by name, those that were not named before."""
        for name, reason in reasons.items():
            if name not in self.reasons:
                self.reasons[name] = reason
                say(f"unreadable: {name}: {reason}")

    def count(self, epoch: int) -> int:
        """Returns how many clips of the latest epoch, or of a later one, are unreadable on this rank."""
        return self._count if epoch == self._epoch else 0

    def check(self, epoch: int, count: int, clips_per_epoch: int) -> None:
        """Ends the run where too many clips of an epoch are unreadable.

        Raises:
            TooManyUnreadable: `count` of `clips_per_epoch` is more than `max_lost` allows.
        """
        if count > self.max_lost * clips_per_epoch:
            raise TooManyUnreadable(
                f"{count} clips of epoch {epoch} are unreadable, more than the share of {self.max_lost:g} that "
                "max_lost allows. The last checkpoint is kept: mend the recordings, then go on with --resume"
            )
