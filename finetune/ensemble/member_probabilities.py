"""What trained members say of clips that were no part of their training."""

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
        members: trained; each hears a clip as it was trained to.
        store: the clips.
        what: they are, for the progress.
        device: "cpu" or "cuda".
    """
    answers = []
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
        answers.append(calibrate(logits.astype(np.float64), np.array(card.temperatures)))
    return np.array(answers)
