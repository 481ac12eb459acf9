"""An encoder of EmoCLR for the benchmark EVAR, to be copied into a clone of it as `evar/ar_emoclr.py`.

`lineareval.py` there needs the line `import evar.ar_emoclr`, and `config/emoclr.yaml` these:

audio_repr: ar_emoclr.AR_EmoCLR
source: emoclr-small/resnet10t
feature_d: 1792
sample_rate: 16000
batch_size: 64
lr_lineareval: 0.0003
report_per_epochs: 20
early_stop_epochs: 20

python 2pass_lineareval.py config/emoclr.yaml cremad
"""

from collections.abc import Mapping
from typing import Any

import torch
from evar.ar_base import BaseAudioRepr

from emoclr import hear


class AR_EmoCLR(BaseAudioRepr):  # noqa: N801
    """`source` is a released model, a folder of `pretrain` or `finetune`, or `hf:OWNER/NAME`."""

    def __init__(self, cfg: Mapping[str, Any]) -> None:
        super().__init__(cfg=cfg)
        self.model = hear.load_model(cfg["source"])
        if (cfg["sample_rate"], cfg["feature_d"]) != (self.model.sample_rate, self.model.scene_embedding_size):
            raise ValueError(
                f"{cfg['source']} takes sample_rate: {self.model.sample_rate} and gives "
                f"feature_d: {self.model.scene_embedding_size}"
            )

    def encode_frames(self, batch_audio: torch.Tensor) -> torch.Tensor:
        """Returns embeddings (sounds, features, times), one every 50 ms, of sounds (sounds, samples)."""
        return hear.get_timestamp_embeddings(batch_audio, self.model)[0].transpose(1, 2)

    def forward(self, batch_audio: torch.Tensor) -> torch.Tensor:
        """Returns the mean embeddings (sounds, features) over the windows of sounds (sounds, samples)."""
        return hear.get_scene_embeddings(batch_audio, self.model)
