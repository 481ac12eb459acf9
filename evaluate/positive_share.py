"""The share of listeners from which an emotion counts as there: one setting of every command that scores labels."""

from typing import Annotated

from pydantic import Field

POSITIVE_SHARE = 0.25

PositiveShare = Annotated[float, Field(gt=0, le=1, description="the share from which an emotion is there")]
"""The field's type in settings; its default is `POSITIVE_SHARE`."""
