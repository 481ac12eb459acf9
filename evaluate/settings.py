"""Fields of settings that every command has which scores labels."""

from typing import Annotated

from pydantic import Field

PositiveShare = Annotated[float, Field(gt=0, le=1, description="the share from which an emotion is there")]
