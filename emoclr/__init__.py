"""EmoCLR: contrastive pretraining and fine-tuning for emotion in sound.

The folders of the project are its sub-packages: `emoclr.configs`, `.evaluate`, `.corpus`, `.augment`, `.pretrain`,
`.probe`, `.finetune` and `.predict`. Nothing is imported before it is used, so `import emoclr` is quick.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
