"""Embeddings of recordings by the encoders of an ensemble or of a run, into a file."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from emoclr.configs.console import progress, say
from emoclr.configs.messages import count_of, readable
from emoclr.corpus.decoded.decode_stream import decode_streams
from emoclr.finetune.model.emotion_model import EmotionModel
from emoclr.finetune.model.folders import CARD, find_card, holds_emotions
from emoclr.predict.loaded_ensemble import load_ensemble
from emoclr.predict.output.unfinished import work_by
from emoclr.predict.output.unfinished_embeddings import UnfinishedEmbeddings
from emoclr.predict.run import remarks_on
from emoclr.predict.stream.remarks import Remark
from emoclr.pretrain.encoder.checkpoint import load_encoder
from emoclr.pretrain.encoder.encoder import Encoder, embed_together
from emoclr.pretrain.encoder.folders import CARD as ENCODER_CARD
from emoclr.pretrain.encoder.folders import CheckpointError, backbone_folders
from emoclr.pretrain.encoder.precision import choose_precision
from emoclr.pretrain.encoder.recordings import Windows, encoder_windows, stream_embeddings
from emoclr.pretrain.resume.signals import Interrupted


def embed_files(
    source: str | Path, paths: Sequence[Path], out: Path, *, timeline: bool, gate: bool, device: str
) -> tuple[int, list[Remark]]:
    """Writes the embeddings of recordings, and the table of errors beside them; returns how many, and remarks.

    Args:
        source: an ensemble or encoders; see `embedding_network`.
        paths: the recordings.
        out: see `write_embeddings`.
        timeline: one row a window in place of one a recording.
        gate: of a recording in which somebody speaks, the mean over the windows with a voice.
        device: "cpu" or "cuda".

    Raises:
        Interrupted: someone stopped it; the message says how far it came.
    """
    found = embedding_network(source)
    network, windows = found.network, found.windows
    work = work_by(found.cards, paths, {"--timeline": str(timeline), "--gate": str(gate)}, device)
    with UnfinishedEmbeddings(out, work) as unfinished:
        begin = unfinished.place
        if begin.recording or begin.windows:
            say(f"going on after {count_of(begin.recording, 'recording')} in {readable(unfinished.part)}")
        streams = decode_streams(paths[begin.recording :], windows.channels)
        pieces = ((begin.recording + number, piece) for number, piece in streams)
        try:
            with progress("embedding", len(paths), "recording") as show:
                for batch in stream_embeddings(
                    network, windows, pieces, timeline=timeline, gate=gate, device=device, begin=begin
                ):
                    remarks = [
                        _plainer(remark)
                        for end, *heard in batch.ends
                        for remark in remarks_on(paths[end.recording], end, *heard)
                    ]
                    unfinished.add(batch.rows, remarks, batch.place)
                    show(batch.place.recording)
        except KeyboardInterrupt:
            unfinished.save()
            kept = f"{count_of(unfinished.place.recording, 'recording')} in {readable(unfinished.part)}"
            raise Interrupted(f"stopped: {kept}; the same command goes on there") from None
        unfinished.finish(paths)
    return unfinished.rows, unfinished.remarks


def _plainer(remark: Remark) -> Remark:
    """Returns a remark in the words of embeddings."""
    if remark.status != "voiceless":
        return remark
    return replace(remark, reason="nobody speaks in it; its embedding is the mean over all its windows")


class Encoders(nn.Module):
    """Encoders that hear the same windows: waveforms (B, samples) to embeddings (B, features), those of all of them.

    Each computes in the precision that it would have alone.

    Examples:
        >>> import torch
        >>> from emoclr.pretrain import Encoder, EncoderSettings
        >>> both = Encoders([Encoder(EncoderSettings(backbone="test_resnet")) for _ in range(2)], window_s=1.0)
        >>> both.eval()(torch.zeros(4, 16_000)).shape
        torch.Size([4, 384])
    """

    def __init__(self, encoders: Sequence[Encoder], window_s: float) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(encoders)
        self._window_s = window_s

    @property
    def _encoders(self) -> list[Encoder]:
        return [encoder for encoder in self.encoders if isinstance(encoder, Encoder)]

    def forward(self, waveforms: Tensor) -> Tensor:
        """Returns the embeddings side by side, float32 (B, features)."""
        device = waveforms.device.type
        chosen = [choose_precision("auto", encoder, device, self._window_s) for encoder in self._encoders]
        encoders = [(encoder, each == "bf16-mixed") for encoder, each in zip(self._encoders, chosen, strict=True)]
        found = embed_together(encoders, waveforms)  # (B, features) each
        return torch.cat(found, dim=1)


@dataclass(frozen=True)
class EmbeddingNetwork:
    """What gives embeddings: one encoder, several that were pretrained together, or those of an ensemble.

    Attributes:
        network: waveforms (B, samples) to embeddings (B, features), in eval mode.
        windows: how recordings become its windows.
        cards: of all that is in it.
        widths: how many features each encoder gives, by the name of its folder, in their order.
    """

    network: nn.Module
    windows: Windows
    cards: list[Path]
    widths: dict[str, int]


def embedding_network(source: str | Path) -> EmbeddingNetwork:
    """Returns the network of an ensemble or of encoders.

    Args:
        source: a folder of `pretrain` or `finetune`, one backbone's folder, the name of a released model, or
            `hf:OWNER/NAME`.

    Raises:
        ConfigError: there is no such folder.
        CheckpointError: it holds no network, or a damaged one, or encoders that hear different windows.

    Examples:
        >>> import tempfile
        >>> from emoclr.pretrain import Encoder, EncoderSettings
        >>> from emoclr.pretrain.encoder.checkpoint import save_encoder
        >>> run = Path(tempfile.mkdtemp())
        >>> for name in ("a", "b"):
        ...     encoder = Encoder(EncoderSettings(backbone="test_resnet"))
        ...     _ = save_encoder(run / name, encoder, crop_s=2.0, corpus_fingerprint="", step=1, steps=1)
        >>> embedding_network(run).widths
        {'a': 192, 'b': 192}
    """
    if holds_emotions(source):
        card = find_card(source)
        emotions = load_ensemble(source)
        members = [member for member in emotions.ensemble.members if isinstance(member, EmotionModel)]
        names = [card.parent.name if name == "." else name for name in emotions.card.members]
        widths = {name: member.encoder.features for name, member in zip(names, members, strict=True)}
        cards = [card, *(card.parent / member / CARD for member in emotions.card.members)]
        return EmbeddingNetwork(*emotions.encoder(), cards, widths)
    folders = backbone_folders(source)
    loaded = [load_encoder(folder) for folder in folders]
    windows = [encoder_windows(encoder, card) for encoder, card in loaded]
    cards = [folder / ENCODER_CARD for folder in folders]
    widths = {folder.name: encoder.features for folder, (encoder, _) in zip(folders, loaded, strict=True)}
    if len(loaded) == 1:
        return EmbeddingNetwork(loaded[0][0], windows[0], cards, widths)
    if len(set(windows)) > 1:
        raise CheckpointError(f"{source}: its encoders hear windows that differ; give the folder of one")
    together = Encoders([encoder for encoder, _ in loaded], windows[0].window_s).eval()
    return EmbeddingNetwork(together, replace(windows[0], precision="fp32"), cards, widths)
