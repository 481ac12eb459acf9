"""Raw recordings in; clips, labels and folds out.

Walks folders, reads any format and rate to mono 16 kHz waveforms, sets aside what it cannot read with the
reason, and decodes a corpus once into a store that every later stage reads. Knows the project's labels.csv,
writes it for published corpora (`corpus.prepare`), and keeps speakers from crossing a split.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
