"""Published corpora to labels.csv, one module a corpus.

A recipe goes by the names of the files, wherever below the folder they lie and whatever format they are in, and by
the tables that the corpus publishes. It says what is missing and what did not fit. `RECIPES`, which
`corpus prepare` offers, is found by looking through `acted` and `in_the_wild`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
