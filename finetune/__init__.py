"""Encoders and labels in, an ensemble of emotion models out.

Each encoder gets a multilabel head, first alone and then with the whole network under lower rates for earlier layers;
thresholds and temperatures are tuned on validation speakers. The members average their probabilities, and the report
scores each of them and the ensemble on speakers nobody was trained on.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
