"""What a person says of a release; its numbers come from reports."""

from pydantic import Field

from emoclr.configs.settings import Settings
from emoclr.finetune.model.checkpoint import Limits


class Corpus(Settings):
    """Recordings that a model was trained on.

    Examples:
        >>> url = "https://github.com/fredbuhl/EmoGator"
        >>> Corpus(name="EmoGator", licence="Apache-2.0", url=url, part="all of it").attribution
        ''
    """

    name: str
    licence: str
    url: str = Field(pattern=r"^https?://[\w./~%-]+$")
    part: str = Field(description="what of it was trained on")
    attribution: str = Field("", description="what its licence or its authors want to be said")


class ReleaseSettings(Settings):
    """The words of a card.

    Examples:
        >>> corpora = [{"name": "made up", "licence": "CC0-1.0", "url": "https://example.org", "part": "all"}]
        >>> said = {"description": "Encoders.", "limits": "Bursts alone.", "not_for": ["speech"]}
        >>> ReleaseSettings(licence="apache-2.0", corpora=corpora, **said).languages
        []
    """

    licence: str = Field(description="of the weights, as the hub writes it, such as `apache-2.0`")
    description: str = Field(description="what the model is, in a few sentences")
    limits: Limits
    languages: list[str] = Field([], description="of the recordings, as ISO 639-1")
    corpora: list[Corpus] = Field(min_length=1, description="recordings it was trained on, with their licences")
    not_for: list[str] = Field(min_length=1, description="what it must not be used for")
