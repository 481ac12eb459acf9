"""Feature maps of a network's stages: what timm's `forward_intermediates` gives, and the last maps."""

import torch
from torch import Tensor, nn

IMAGE_SIZE = 96
"""Bands and frames of an image that every backbone takes, a multiple of 32."""


def stage_maps(backbone: nn.Module, images: Tensor) -> list[Tensor]:
    """Returns the feature maps of a backbone's last three stages, (B, C, F, N) each.

    The last ones are what the backbone gives: where timm counts a last convolution to the head, it is in.

    Examples:
        >>> import timm
        >>> backbone = timm.create_model("test_resnet", num_classes=0, global_pool="")
        >>> [maps.shape[1] for maps in stage_maps(backbone, torch.zeros(1, 3, 96, 101))]
        [48, 192, 96]
    """
    last, earlier = backbone.forward_intermediates(images, indices=[-3, -2])  # type: ignore[operator]
    return [*earlier, backbone.forward_head(last)]  # type: ignore[operator]


def stage_channels(backbone: nn.Module, in_chans: int = 3) -> list[int]:
    """Returns the channels of the two stages before a backbone's last maps; none where timm tells of no stages.

    Examples:
        >>> stage_channels(nn.Conv2d(3, 8, 3))
        []
    """
    images = torch.zeros(1, in_chans, IMAGE_SIZE, IMAGE_SIZE)
    training = backbone.training
    try:
        with torch.no_grad():
            *earlier, last = stage_maps(backbone.eval(), images)
            stages = last.shape == backbone(images).shape and all(maps.dim() == 4 for maps in earlier)
    except (AttributeError, TypeError, AssertionError, RuntimeError):
        stages = False
    backbone.train(training)
    return [int(maps.shape[1]) for maps in earlier] if stages else []
