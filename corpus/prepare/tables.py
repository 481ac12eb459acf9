"""The tables that a corpus publishes beside its recordings."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from emoclr.configs.errors import EmoclrError

if TYPE_CHECKING:
    import pandas as pd


def find_table(folder: Path, *names: str) -> Path | None:
    """Returns the file below `folder` that has the first of these names that is there, the least deep one."""
    for name in names:
        found = sorted(folder.rglob(name), key=lambda path: (len(path.parts), path))
        if found:
            return found[0]
    return None


def read_published(path: Path, columns: Sequence[str], corpus: str, index_col: int | None = None) -> "pd.DataFrame":
    """Returns a published CSV, its column names without the blanks around them.

    Raises:
        EmoclrError: it cannot be read, or lacks one of `columns`.
    """
    import pandas as pd

    try:
        table = pd.read_csv(path, index_col=index_col, encoding_errors="replace")
    except (OSError, ValueError) as error:
        raise EmoclrError(f"{path}: cannot be read as CSV: {error}") from error
    table.columns = table.columns.astype(str).str.strip()
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise EmoclrError(f"{path}: has no column {', '.join(missing)}, so it is not {corpus}'s {path.name}")
    return table
