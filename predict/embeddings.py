"""Embeddings of recordings by the encoders of an ensemble, or by one encoder, into a file."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from torch import nn

from emoclr.configs.console import progress, say
from emoclr.configs.messages import count_of, readable
from emoclr.corpus.decoded.decode_stream import decode_streams
from emoclr.finetune.model.folders import CARD, find_card, holds_emotions
from emoclr.predict.loaded_ensemble import load_ensemble
from emoclr.predict.output.unfinished import work_by
from emoclr.predict.output.unfinished_embeddings import UnfinishedEmbeddings
from emoclr.predict.run import remarks_on
from emoclr.predict.stream.remarks import Remark
from emoclr.pretrain.encoder.checkpoint import load_encoder, only_backbone
from emoclr.pretrain.encoder.folders import CARD as ENCODER_CARD
from emoclr.pretrain.encoder.recordings import Windows, encoder_windows, stream_embeddings
from emoclr.pretrain.resume.signals import Interrupted


def embed_files(
    source: str | Path, paths: Sequence[Path], out: Path, *, timeline: bool, gate: bool, device: str
) -> tuple[int, list[Remark]]:
    """Writes the embeddings of recordings, and the table of errors beside them; returns how many, and remarks.

    Args:
        source: an ensemble or an encoder; see `load_ensemble` and `load_encoder`.
        paths: the recordings.
        out: see `write_embeddings`.
        timeline: one row a window in place of one a recording.
        gate: of a recording in which somebody speaks, the mean over the windows with a voice.
        device: "cpu" or "cuda".

    Raises:
        Interrupted: someone stopped it; the message says how far it came.
    """
    network, windows, cards = _network_of(source)
    work = work_by(cards, paths, {"--timeline": str(timeline), "--gate": str(gate)}, device)
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


def _network_of(source: str | Path) -> tuple[nn.Module, Windows, list[Path]]:
    """Returns the network, how recordings become its windows, and its cards."""
    if holds_emotions(source):
        card = find_card(source)
        emotions = load_ensemble(source)
        return *emotions.encoder(), [card, *(card.parent / member / CARD for member in emotions.card.members)]
    network, encoder_card = load_encoder(source)
    return network, encoder_windows(network, encoder_card), [only_backbone(source) / ENCODER_CARD]
