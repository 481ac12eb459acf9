"""An encoder of EmoCLR for the benchmark X-ARES, to be copied into a clone of it.

python -m xares.run --max-jobs 8 xares_encoder.py src/tasks/*.py
"""

import torch

from emoclr import hear


class EmoclrEncoder(torch.nn.Module):
    """An embedding every 50 ms, of a window around that time."""

    def __init__(self) -> None:
        super().__init__()
        self.model = hear.load_model("emoclr-small/resnet10t")
        self.sampling_rate = self.model.sample_rate
        self.output_dim = self.model.timestamp_embedding_size
        self.hop_size_in_ms = 1_000 * hear.HOP_S

    def forward(self, audio: torch.Tensor) -> torch.Tensor:
        """Returns embeddings (sounds, times, features) of sounds (sounds, samples)."""
        return hear.get_timestamp_embeddings(audio, self.model)[0]
