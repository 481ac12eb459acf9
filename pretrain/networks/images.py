"""What networks need images to be: their sizes and their channels."""

from functools import partial
from typing import NamedTuple

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from emoclr.configs.errors import ConfigError
from emoclr.configs.messages import one_line
from emoclr.pretrain.networks.kept import Kept, architecture_key
from emoclr.pretrain.networks.stages import stage_maps

MIN_IMAGE_SIZE = 65
"""Bands and frames of an image that every backbone takes: those that do not are refused."""

IMAGE_MULTIPLES = (1, 32)
"""What the bands and frames of an image are brought to a multiple of: the first that a backbone takes."""


class ImageNeeds(NamedTuple):
    """What a network needs, and what it gives."""

    channels: PositiveInt
    """Of its feature maps, (B, C, F, N)."""
    multiple: PositiveInt
    """Of what bands and frames of an image are to be multiples: the first of `IMAGE_MULTIPLES` whose odd multiples it
    takes."""
    stages: list[PositiveInt]
    """Channels of the two stages before the last maps, see `stage_maps`; none where timm tells of no stages."""


_KEPT: Kept[ImageNeeds] = Kept("image-needs", ImageNeeds)


def image_needs(backbone: nn.Module, name: str, in_chans: int = 3) -> ImageNeeds:
    """Returns what a network needs images to be, by sending two of them through it, once on a machine.

    Raises:
        ConfigError: it gives something else than maps, as transformers do, or takes images of one size only.
    """
    find = partial(_seen_needs, backbone, name, in_chans)
    key = architecture_key(name, in_chans)
    return find() if key is None else _KEPT.found([(key, find)])[0]


def _seen_needs(backbone: nn.Module, name: str, in_chans: int) -> ImageNeeds:
    training = backbone.training
    backbone.eval()
    reason = ""
    for multiple in IMAGE_MULTIPLES:
        side = multiple * (MIN_IMAGE_SIZE // multiple | 1)
        square = torch.zeros(1, in_chans, side, side)
        try:
            with torch.no_grad():
                wide = backbone(torch.zeros(1, in_chans, side, side + 2 * max(multiple, 16)))
                stages = _stages(backbone, square, wide)
                last = stages[-1] if stages else backbone(square)
        except Exception as error:
            reason = reason or one_line(error) or type(error).__name__
            continue
        backbone.train(training)
        # Where the third axis follows the width of the image, the channels come last.
        if not isinstance(last, Tensor) or last.dim() != 4 or last.shape[:3] != wide.shape[:3]:
            raise ConfigError(f"backbone {name}: is no CNN that gives feature maps (batch, channels, height, width)")
        return ImageNeeds(int(last.shape[1]), multiple, [int(maps.shape[1]) for maps in stages[:-1]])
    raise ConfigError(
        f"backbone {name}: is no CNN that gives feature maps (batch, channels, height, width) "
        f"of images of any size: {reason}"
    )


def _stages(backbone: nn.Module, images: Tensor, wide: object) -> list[Tensor]:
    """Returns the maps of the last three stages; none where they end in others than the backbone gives of wide ones."""
    try:
        maps = stage_maps(backbone, images)
    except (AttributeError, TypeError, AssertionError, RuntimeError):
        return []
    fits = isinstance(wide, Tensor) and maps[-1].shape[:3] == wide.shape[:3]
    return maps if fits and all(each.dim() == 4 for each in maps) else []


def fill_image(images: Tensor, value: Tensor, multiple: int) -> Tensor:
    """Returns images (B, C, bands, N) with bands and frames filled up to a multiple, at their ends.

    Args:
        images: (B, C, bands, N).
        value: (1, C, 1, 1), what each channel is filled with.
        multiple: of the bands and of the frames.

    Examples:
        >>> fill_image(torch.zeros(2, 3, 96, 101), torch.ones(1, 3, 1, 1), 32).shape
        torch.Size([2, 3, 96, 128])
    """
    bands, frames = images.shape[2:]
    above, after = -bands % multiple, -frames % multiple
    if not above and not after:
        return images
    return nn.functional.pad(images - value, (0, after, 0, above)) + value


def with_delta(images: Tensor) -> Tensor:
    """Returns images (B, 4, bands, N): normalised (B, 3, bands, N) and how fast their first channel changes.

    That is the slope of a line through five frames, the two before and the two after included, with the first and the
    last frame held at the ends, as `librosa.feature.delta(width=5, mode="nearest")` has it. It is given in standard
    deviations in five frames: at 20 ms a frame, speech then comes to a standard deviation of about 1.

    Examples:
        >>> with_delta(torch.arange(7.0).expand(1, 3, 1, 7) / 5)[0, 3, 0]
        tensor([0.5000, 0.8000, 1.0000, 1.0000, 1.0000, 0.8000, 0.5000])
    """
    held = nn.functional.pad(images[:, :1], (2, 2, 0, 0), mode="replicate")
    slope = (2 * (held[..., 4:] - held[..., :-4]) + held[..., 3:-1] - held[..., 1:-3]) / 10
    return torch.cat([images, 5 * slope], dim=1)


def with_frequency(images: Tensor, bands: int) -> Tensor:
    """Returns images (B, C + 1, F, N): (B, C, F, N) and how high each of their rows lies.

    Of the lowest `bands` the mean is 0 and the standard deviation 1; rows above go on in the same steps.

    Examples:
        >>> with_frequency(torch.zeros(2, 3, 4, 1), 4)[0, 3, :, 0]
        tensor([-1.3416, -0.4472,  0.4472,  1.3416])
    """
    batch, _, high, frames = images.shape
    step = (12 / (bands**2 - 1)) ** 0.5
    rising = (torch.arange(high, device=images.device) - (bands - 1) / 2) * step
    plane = rising.to(images.dtype).view(1, 1, high, 1).expand(batch, 1, high, frames)
    return torch.cat([images, plane], dim=1)
