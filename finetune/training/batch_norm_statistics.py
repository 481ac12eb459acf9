"""Statistics of batch normalisation for a network that was not pretrained on audio."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim.swa_utils import update_bn

from emoclr.augment.views import ViewMaker
from emoclr.corpus.decoded.waveforms import WaveformStore
from emoclr.pretrain.encoder.encoder import Encoder

MAX_CLIPS = 1000


def estimate_statistics(
    encoder: Encoder, store: WaveformStore, clips: NDArray[np.int64], maker: ViewMaker, batch_size: int
) -> None:
    """Sets the statistics of batch normalisation to their mean over batches of up to 1,000 clips; changes no weight.

    In training, a network without pretraining is normalised by each batch. A head that was fitted to it under the
    statistics that networks are made with would find embeddings of another size there, and begin with a loss in the
    hundreds that takes a short training to undo.

    Args:
        encoder: is left in eval mode.
        store: holds the clips.
        clips: to train on.
        maker: says where crops are taken, and by its seed which clips.
        batch_size: of the training.
    """
    chosen = np.random.default_rng(maker.seed).permutation(clips)[:MAX_CLIPS]

    def batches() -> Iterator[Tensor]:
        # Parts of even size: a batch of a single clip has no deviation.
        for some in np.array_split(chosen, max(1, len(chosen) // batch_size)):
            starts = [maker.crop_start(int(store.samples[clip]), 0, int(clip), 0) for clip in some]
            crops = [store.crop(int(clip), start, maker.crop_samples) for clip, start in zip(some, starts, strict=True)]
            yield torch.from_numpy(np.stack([maker.fill(crop) for crop in crops]))

    update_bn(batches(), encoder.eval())
