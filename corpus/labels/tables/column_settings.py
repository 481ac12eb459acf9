"""Which column means what, where the names of a table do not tell it."""

from pydantic import Field

from emoclr.configs.settings import Settings
from emoclr.corpus.labels.tables.column_names import ROLES, Given

NO_COLUMN = "none"


class ColumnSettings(Settings):
    """Columns of tables by their meaning; `none` says that no column has it, None that the names tell it.

    Examples:
        >>> ColumnSettings(speaker="actor", split="none").given
        {'speaker': 'actor', 'split': None}
    """

    path: str | None = Field(None, description="column that names the recordings")
    speaker: str | None = Field(None, description="column of speakers")
    split: str | None = Field(None, description="column that says train, validation or test")
    fold: str | None = Field(None, description="column of given folds: the one in which a clip is scored")
    validation_fold: str | None = Field(None, description="column of the fold in which a clip validates")
    start: str | None = Field(None, description="column of times at which clips begin")
    end: str | None = Field(None, description="column of times at which clips end")
    emotion: str | None = Field(None, description="column that names the emotions")

    @property
    def given(self) -> Given:
        """The columns that were given; None for a meaning that no column has."""
        names = {role: getattr(self, role) for role in ROLES}
        return {role: None if name == NO_COLUMN else name for role, name in names.items() if name is not None}
