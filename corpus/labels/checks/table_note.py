"""One thing about a table that its author should know."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class TableNote:
    """One thing that is probably not meant so.

    Attributes:
        check: what was looked at.
        summary: what was found, with the count, and what would be right.
        cases: each one, or each kind.
    """

    check: str
    summary: str
    cases: Sequence[str]

    def __str__(self) -> str:
        """Returns the summary with one example.

        >>> str(TableNote("speakers", "2 speakers are written in several ways", ["'Anna' and 'anna'", "'1' and '01'"]))
        "2 speakers are written in several ways: 'Anna' and 'anna' (and 1 more)"
        """
        more = f" (and {len(self.cases) - 1:,} more)" if len(self.cases) > 1 else ""
        return f"{self.summary}: {self.cases[0]}{more}"
