"""What a frozen encoder knows: clips in, a linear probe on their embeddings, a report with intervals out.

Beside each encoder stand the same probe on an untrained encoder, on log-mel statistics, and chance, on the
same split; and a probe of who is speaking, since a contrast learns voices easily. The report and the metrics
serve `finetune` too.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
