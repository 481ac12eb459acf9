"""A run in, a released folder out: weights in half precision, a card with licences and measured numbers.

What the project releases lies here, too, one folder each; `emoclr.pretrain.encoder.folders` finds it by name from
anywhere. Runs of one's own may be put beside them: git ignores those.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
