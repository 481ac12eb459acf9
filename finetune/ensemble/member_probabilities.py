"""Probabilities of trained members for clips of any store."""

from collections.abc import Sequence

import numpy as np

from emoclr.corpus.decoded.waveforms import Waveforms
from emoclr.evaluate.metrics.arrays import Array
from emoclr.finetune.model.checkpoint import load_model
from emoclr.finetune.model.temperatures import calibrate
from emoclr.finetune.training.member import Member
from emoclr.pretrain.encoder.embedding import embed_clips


def member_probabilities(members: Sequence[Member], store: Waveforms, what: str, device: str) -> Array:
    """Returns the calibrated probabilities of each member for every clip of a store, (members, clips, emotions).

    Args:
        members: trained; each with its own windows and temperatures.
        store: the clips.
        what: name of the clips, for the progress.
        device: "cpu" or "cuda".
    """
    probabilities = []
    for member in members:
        model, card = load_model(member.folder)
        logits = embed_clips(
            model,
            store,
            card.window_s,
            card.hop_s,
            description=f"{card.encoder.backbone}: {what}",
            device=device,
            short=card.short,
            pooling=card.windows,
        )
        probabilities.append(calibrate(logits.astype(np.float64), np.array(card.temperatures)))
    return np.array(probabilities)
