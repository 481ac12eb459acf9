"""Encoders as the HEAR benchmark asks for them (https://hearbenchmark.com/hear-api.html).

`emoclr.hear` is the name of the module, and a folder, a released model or `hf:OWNER/NAME` that of the weights.
"""

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from emoclr.corpus.audio.decoder import SAMPLE_RATE
from emoclr.predict.embeddings import embedding_network
from emoclr.pretrain.encoder.devices import Device
from emoclr.pretrain.encoder.embedding import Embeddings
from emoclr.pretrain.encoder.recordings import Windows, embed_windows

DEFAULT = "emoclr-small/resnet10t"
HOP_S = 0.05
"""Between timestamps, the most that the benchmark allows for tasks of events."""


class HearModel(nn.Module):
    """A network with the attributes that the benchmark reads.

    Attributes:
        network: waveforms (B, samples) to embeddings (B, features).
        windows: how sounds become its windows.
        sample_rate: Hz of the sounds it takes.
        scene_embedding_size: features of a sound.
        timestamp_embedding_size: features of a timestamp.
    """

    def __init__(self, network: nn.Module, windows: Windows, features: int) -> None:
        super().__init__()
        self.network = network
        self.windows = windows
        self.sample_rate = SAMPLE_RATE
        self.scene_embedding_size = features
        self.timestamp_embedding_size = features

    def forward(self, waveforms: Tensor) -> Tensor:
        """Returns the embeddings (B, features) of windows (B, samples)."""
        found: Tensor = self.network(waveforms)
        return found


def load_model(model_file_path: str | Path = DEFAULT) -> HearModel:
    """Returns an encoder, several encoders or those of an ensemble, in eval mode on the CPU.

    Args:
        model_file_path: see `embedding_network`; empty for `emoclr-small/resnet10t`.

    Raises:
        ConfigError: there is no such folder.
        CheckpointError: it holds no network, or a damaged one.

    Examples:
        >>> load_model().scene_embedding_size
        1792
    """
    found = embedding_network(model_file_path or DEFAULT)
    return HearModel(found.network, found.windows, sum(found.widths.values())).eval()


def get_scene_embeddings(audio: Tensor, model: HearModel) -> Tensor:
    """Returns an embedding of each sound, float32 (sounds, features): the mean over its windows.

    The numbers are those of `emoclr.embed` with `gate="none"`.

    Args:
        audio: sounds (sounds, samples) in [-1, 1], at `model.sample_rate`.
        model: of `load_model`, on any device.

    Examples:
        >>> get_scene_embeddings(torch.zeros(2, 16_000), load_model()).shape
        torch.Size([2, 1792])
    """
    return torch.from_numpy(_embeddings(audio, model, model.windows, timeline=False)).to(audio.device)


def get_timestamp_embeddings(audio: Tensor, model: HearModel) -> tuple[Tensor, Tensor]:
    """Returns embeddings (sounds, timestamps, features) of each sound over time, and their times in ms.

    The times, float32 (sounds, timestamps), are every 50 ms from 0 to the end. Each is the centre of a window as long
    as the encoder was trained on; silence fills it before the sound and after.

    Args:
        audio: sounds (sounds, samples) in [-1, 1], at `model.sample_rate`.
        model: of `load_model`, on any device.

    Examples:
        >>> embeddings, timestamps = get_timestamp_embeddings(torch.zeros(2, 1_600), load_model())
        >>> embeddings.shape, timestamps[0].tolist()
        (torch.Size([2, 3, 1792]), [0.0, 50.0, 100.0])
    """
    window, hop = round(model.windows.window_s * SAMPLE_RATE), round(HOP_S * SAMPLE_RATE)
    sounds, samples = audio.shape
    count = samples // hop + 1
    before = window // 2
    after = (count - 1) * hop + window - before - samples
    padded = nn.functional.pad(audio, (before, after))  # (sounds, window + (count - 1) * hop)
    rows = _embeddings(padded, model, replace(model.windows, hop_s=HOP_S), timeline=True)
    timestamps = torch.arange(count, dtype=torch.float32, device=audio.device) * (1_000 * HOP_S)
    return torch.from_numpy(rows.reshape(sounds, count, -1)).to(audio.device), timestamps.repeat(sounds, 1)


def _embeddings(audio: Tensor, model: HearModel, windows: Windows, *, timeline: bool) -> Embeddings:
    device: Device = "cuda" if next(model.parameters()).is_cuda else "cpu"
    sounds = list(audio.detach().cpu().float().numpy())
    return embed_windows(
        model.network, windows, sounds, SAMPLE_RATE, timeline=timeline, gate="none", device=device
    ).array()
