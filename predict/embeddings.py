"""Embeddings of recordings by the encoders of an ensemble, or by one encoder, into a file."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from torch import nn

from emoclr.configs.console import progress
from emoclr.corpus.decoded.decode_stream import decode_streams
from emoclr.finetune.model.folders import holds_emotions
from emoclr.predict.loaded_ensemble import load_ensemble
from emoclr.predict.output.embedding_file import write_embeddings
from emoclr.predict.output.tables import write_errors
from emoclr.predict.run import remarks_on
from emoclr.predict.stream.remarks import Remark
from emoclr.pretrain.encoder.checkpoint import load_encoder
from emoclr.pretrain.encoder.recordings import EmbeddedRow, Windows, encoder_windows, stream_embeddings


def embed_files(
    source: str | Path, paths: Sequence[Path], out: Path, *, timeline: bool, device: str
) -> tuple[int, list[Remark]]:
    """Writes the embeddings of recordings, and the table of errors beside them; returns how many, and remarks.

    Args:
        source: an ensemble or an encoder; see `load_ensemble` and `load_encoder`.
        paths: the recordings.
        out: see `write_embeddings`.
        timeline: one row a window in place of one a recording.
        device: "cpu" or "cuda".
    """
    network, windows = _network_of(source)
    remarks: list[Remark] = []

    def rows() -> Iterator[EmbeddedRow]:
        pieces = decode_streams(paths, windows.channels)
        with progress("embedding", len(paths), "recording") as show:
            for item in stream_embeddings(network, windows, pieces, timeline=timeline, device=device):
                if isinstance(item, EmbeddedRow):
                    yield item
                else:
                    remarks.extend(remarks_on(paths[item.recording], item, item.samples))
                    show(item.recording + 1)

    count = write_embeddings(rows(), paths, out)
    write_errors(remarks, out)
    return count, remarks


def _network_of(source: str | Path) -> tuple[nn.Module, Windows]:
    if holds_emotions(source):
        return load_ensemble(source).encoder()
    network, card = load_encoder(source)
    return network, encoder_windows(network, card)
