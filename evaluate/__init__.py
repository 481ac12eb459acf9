"""Predictions and labels in, numbers with intervals and a report out.

Arrays only: no audio, no torch. Metrics with their intervals over speakers, the linear probe and the speaker probe,
figures, and the report as HTML, JSON and Markdown, for every command that measures something.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
