"""A clip in, two safe three-channel views out.

Waveform augmentations run through audiomentations on CPU workers; the spectrogram and its masks run in batches on the
training device. Every draw comes from (seed, epoch, clip, view), and what would change the emotion is refused.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
