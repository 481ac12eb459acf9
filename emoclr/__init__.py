"""EmoCLR: contrastive pretraining and fine-tuning for emotion in sound.

The folders of the project are its sub-packages: `emoclr.configs`, `.evaluate`, `.corpus`, `.augment`, `.pretrain`,
`.probe`, `.finetune` and `.predict`. What a notebook needs is offered here, and imported when it is first used:
`read_labels`, `load_encoder`, `embed`, `Embedder`, `LinearProbe`, `load_ensemble` and `predict`.
"""

from pathlib import Path

import lazy_loader

# Python started in a clone finds this folder before what is installed; there the sub-packages lie beside it.
if not Path(__file__).with_name("configs").is_dir():
    __path__.append(str(Path(__file__).parents[1]))

# `predict` is the package, which can be called; the stub gives type checkers the function's signature.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    ["predict"],
    {
        "corpus.labels.labels_csv": ["read_labels"],
        "embedder": ["Embedder"],
        "evaluate.linear_probe": ["LinearProbe"],
        "predict.loaded_ensemble": ["load_ensemble"],
        "pretrain.encoder.checkpoint": ["load_encoder"],
        "pretrain.encoder.recordings": ["embed"],
    },
)
