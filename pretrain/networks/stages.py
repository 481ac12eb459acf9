"""Feature maps of a network's stages: what timm's `forward_intermediates` gives, and the last maps."""

from torch import Tensor, nn

IMAGE_SIZE = 96
"""Bands and frames of an image that every backbone takes, a multiple of 32."""


def stage_maps(backbone: nn.Module, images: Tensor) -> list[Tensor]:
    """Returns the feature maps of a backbone's last three stages, (B, C, F, N) each.

    The last ones are what the backbone gives: where timm counts a last convolution to the head, it is in.

    Examples:
        >>> import timm, torch
        >>> backbone = timm.create_model("test_resnet", num_classes=0, global_pool="")
        >>> [maps.shape[1] for maps in stage_maps(backbone, torch.zeros(1, 3, 96, 101))]
        [48, 192, 96]
    """
    last, earlier = backbone.forward_intermediates(images, indices=[-3, -2])  # type: ignore[operator]
    return [*earlier, backbone.forward_head(last)]  # type: ignore[operator]
