"""Which channels of recordings encoders have heard, and are to hear again."""

from collections.abc import Iterable
from typing import TypeVar

from emoclr.configs.errors import ConfigError
from emoclr.configs.settings import Settings
from emoclr.corpus.audio.channels import ChannelChoice
from emoclr.pretrain.encoder.checkpoint import EncoderCard

S = TypeVar("S", bound=Settings)


def with_channels(settings: S, cards: Iterable[EncoderCard]) -> S:
    """Returns settings whose `channels` say which ones are heard: those asked for, else those of pretraining.

    Raises:
        ConfigError: encoders were trained on different ones, and none are asked for.

    Examples:
        >>> from emoclr.probe import ProbeSettings
        >>> with_channels(ProbeSettings(), []).channels
        'auto'
    """
    if getattr(settings, "channels", None) is not None:
        return settings
    found: set[ChannelChoice] = {card.channels for card in cards} or {"auto"}
    if len(found) > 1:
        names = ", ".join(sorted(map(str, found)))
        raise ConfigError(f"channels: the encoders were trained on different ones ({names}); say which are to be heard")
    return settings.model_copy(update={"channels": found.pop()})
