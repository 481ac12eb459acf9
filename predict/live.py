"""A recording as it is made, from standard input: rows come as its windows end."""

from collections.abc import Iterator

from emoclr.corpus.audio.formats.pipe import Pipe
from emoclr.corpus.decoded.decode_stream import STANDARD_INPUT, live_stream
from emoclr.finetune.model.checkpoint import EnsembleCard
from emoclr.finetune.model.emotion_model import Ensemble
from emoclr.predict.batches import Place, predict_batches
from emoclr.predict.run import Progress, progress_of


def predict_live(ensemble: Ensemble, card: EnsembleCard, pipe: Pipe, device: str) -> Iterator[Progress]:
    """Yields the emotions of the windows of a recording, each as soon as its last sample is there.

    Args:
        ensemble: from `load_ensemble`.
        card: its card.
        pipe: where the recording comes from.
        device: "cpu" or "cuda".
    """
    pieces = live_stream(pipe, card.channels)
    for batch in predict_batches(ensemble, card, pieces, timeline=True, device=device, begin=Place()):
        yield progress_of(batch, [STANDARD_INPUT], ensemble, card)
