"""A CNN that keeps frequency: two convolutions, then a perceptron (MLP) on each frame."""

import re
from collections.abc import Sequence
from typing import Any

import torch
from timm.layers import ClassifierHead, ConvNormAct
from timm.models import build_model_with_cfg, generate_default_cfgs, register_model
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

default_cfgs = generate_default_cfgs(
    {"framewise_cnn": {"input_size": (3, 96, 101), "first_conv": "blocks.0.0.conv", "classifier": "head.fc"}}
)


class FramewiseCNN(nn.Module):
    """Two blocks of 3x3 convolution and 2x2 max pooling, then an MLP of each frame's frequencies and channels.

    The architecture of BYOL-A (Niizumi et al. 2023, "BYOL for Audio: Exploring Pre-trained General-purpose Audio
    Representations", section IV-B): down by 4 in place of the 32 of a ResNet, no pooling over frequency, local features
    (of the blocks) beside global ones (of the MLP). Its encoder pools both by mean and max over time, and so does ours.
    Here the first block and the MLP are half as wide, so that a view costs what one of resnet10t costs, and frequency
    is averaged to `rows` before the MLP, so that one network takes spectrograms of any number of bands.

    Args:
        in_chans: channels of the image.
        num_classes: outputs of the classifier; 0 for none.
        global_pool: timm's name of a pooling; empty for feature maps.
        channels: of the two blocks.
        rows: rows of frequency that are flattened.
        hidden: units of both layers of the MLP, the global features.
        drop_rate: dropout between them.

    Attributes:
        num_features: channels of the maps: the local features, `rows` times those of the second block, and `hidden`.
        feature_info: channels, reduction and module of the maps that `forward_intermediates` gives.

    Examples:
        >>> network = FramewiseCNN(global_pool="", num_classes=0).eval()
        >>> network(torch.zeros(2, 3, 96, 101)).shape, network.num_features
        (torch.Size([2, 2048, 1, 25]), 2048)
    """

    def __init__(
        self,
        in_chans: int = 3,
        num_classes: int = 1000,
        global_pool: str = "avgmax",
        channels: tuple[int, int] = (32, 64),
        rows: int = 16,
        hidden: int = 1024,
        drop_rate: float = 0.3,
    ) -> None:
        super().__init__()
        self.num_classes, self.rows = num_classes, rows
        first, second = channels
        local = rows * second
        self.num_features = self.head_hidden_size = local + hidden
        self.blocks = nn.Sequential(_block(in_chans, first), _block(first, second))
        self.mlp = nn.Sequential(
            nn.Linear(local, hidden),
            nn.ReLU(inplace=True),
            nn.Dropout(drop_rate),
            nn.Linear(hidden, hidden),
            nn.ReLU(inplace=True),
        )
        self.head = ClassifierHead(self.num_features, num_classes, pool_type=global_pool)
        self.feature_info = [
            {"num_chs": first, "reduction": 2, "module": "blocks.0"},
            {"num_chs": second, "reduction": 4, "module": "blocks.1"},
            {"num_chs": self.num_features, "reduction": 4, "module": "mlp"},
        ]

    def forward(self, images: Tensor) -> Tensor:
        """Returns logits (B, num_classes), or without pooling and classes the feature maps."""
        return self.forward_head(self.forward_features(images))

    def forward_features(self, images: Tensor) -> Tensor:
        """Returns feature maps (B, num_features, 1, N // 4) of images (B, in_chans, bands, N)."""
        return self._frames(self.blocks(images))

    def forward_head(self, maps: Tensor) -> Tensor:
        """Returns feature maps pooled and classified."""
        outputs: Tensor = self.head(maps)
        return outputs

    def forward_intermediates(
        self, images: Tensor, indices: int | Sequence[int] | None = None, *, intermediates_only: bool = False
    ) -> list[Tensor] | tuple[Tensor, list[Tensor]]:
        """Returns the maps of `feature_info`, alone or behind the last ones, as timm's networks do.

        Args:
            images: (B, in_chans, bands, N).
            indices: which maps: the last n, those at these places, or all.
            intermediates_only: without the last ones in front.
        """
        first = self.blocks[0](images)
        second = self.blocks[1](first)
        maps = [first, second, self._frames(second)]
        places = indices if isinstance(indices, Sequence) else range(-(indices or len(maps)), 0)
        found = [maps[place] for place in places]
        return found if intermediates_only else (maps[-1], found)

    def group_matcher(self, coarse: bool = False) -> dict[str, str]:
        """Returns a pattern for each layer, from the image to the embedding; `coarse` makes no difference to four."""
        layers = ("blocks.0", "blocks.1", "mlp.0", "mlp.3")
        return {name: rf"^{re.escape(name)}" for name in layers}

    def get_classifier(self) -> nn.Module:
        """Returns the classifier."""
        classifier: nn.Module = self.head.fc
        return classifier

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """Puts another classifier in place."""
        self.num_classes = num_classes
        self.head.reset(num_classes, global_pool)

    def _frames(self, maps: Tensor) -> Tensor:
        """Returns local and global features (B, num_features, 1, N) of maps (B, channels, F, N)."""
        rows = adaptive_avg_pool2d(maps, (self.rows, maps.shape[3]))  # (B, C, rows, N)
        local = rows.permute(0, 3, 2, 1).flatten(2)  # (B, N, rows * C)
        features = torch.cat([local, self.mlp(local)], dim=2)  # (B, N, num_features)
        return features.transpose(1, 2).unsqueeze(2)


def _block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(ConvNormAct(inputs, outputs, kernel_size=3), nn.MaxPool2d(2))


def framewise_cnn(pretrained: bool = False, **options: Any) -> nn.Module:
    """Returns a `FramewiseCNN`, as `timm.create_model("framewise_cnn")` does; there are no weights to download.

    Examples:
        >>> import timm
        >>> timm.create_model("framewise_cnn", num_classes=5)(torch.zeros(2, 3, 64, 64)).shape
        torch.Size([2, 5])
    """
    network: nn.Module = build_model_with_cfg(FramewiseCNN, "framewise_cnn", pretrained, **options)
    return network


register_model(framewise_cnn)
