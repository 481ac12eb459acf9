"""What training minimises: cross-entropy with class weights, the focal loss, or the asymmetric one."""

import torch
from timm.loss import AsymmetricLossMultiLabel
from torch import Tensor, nn
from torchvision.ops import sigmoid_focal_loss

from emoclr.finetune.settings import FinetuneSettings


class EmotionLoss(nn.Module):
    """The loss of logits (B, emotions) under targets in [0, 1], as the settings choose it.

    - `bce`: binary cross-entropy in which presence counts `weights` times.
    - `focal`: what is answered well counts less, by (1 - p)^gamma (Lin et al. 2017); no class weights.
    - `asymmetric`: absences are focused more than presences, and those below a margin count nothing (Ridnik et al.
      2021), with timm's other defaults; no class weights.

    A share y is a part y of listeners who hear the emotion and a part 1 - y who do not, so its loss is their mean,
    y L(z, 1) + (1 - y) L(z, 0). For cross-entropy that is the usual formula; for the other two it is not what their
    implementations do with soft targets: these would focus on the share, of which the best answer is no function.

    Args:
        settings: loss, its gamma, and label smoothing.
        weights: (emotions,) how much more presence counts than absence.
    """

    weights: Tensor

    def __init__(self, settings: FinetuneSettings, weights: Tensor) -> None:
        super().__init__()
        self.name = settings.loss
        self.gamma = settings.focal_gamma
        self.smoothing = settings.label_smoothing
        self.asymmetric = AsymmetricLossMultiLabel(gamma_neg=settings.asymmetric_gamma, reduction="none")
        self.register_buffer("weights", weights, persistent=False)

    @property
    def shift(self) -> Tensor | None:
        """By how much the best logits lie above those of the shares, (emotions,); None where that varies with a share.

        Presence counted w times: the optimum is log(w p / (1 - p)), which is log w too high.
        """
        return self.weights.log() if self.name == "bce" and not self.smoothing else None

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Returns the mean over clips and emotions."""
        targets = targets * (1 - self.smoothing) + self.smoothing / 2
        if self.name == "bce":
            return nn.functional.binary_cross_entropy_with_logits(logits, targets, pos_weight=self.weights)
        present, absent = (self._hard(logits, torch.full_like(logits, answer)) for answer in (1.0, 0.0))
        return (targets * present + (1 - targets) * absent).mean()

    def _hard(self, logits: Tensor, labels: Tensor) -> Tensor:
        loss: Tensor
        if self.name == "focal":
            loss = sigmoid_focal_loss(logits, labels, alpha=-1, gamma=self.gamma)
        else:
            loss = self.asymmetric(logits, labels)
        return loss
