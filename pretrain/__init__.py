"""Views in, an encoder checkpoint out: contrastive pretraining of CNNs on unlabeled audio.

`pretrain` trains every backbone of its config in turn, saves as it goes and continues where it stopped. The encoder and
its checkpoint defined here are what probing, fine-tuning and prediction load.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
