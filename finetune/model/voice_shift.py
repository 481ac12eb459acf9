"""Speaker known: the logits of a voice, moved so that their mean is that of other voices. No label is read.

Of a linear head, this is what comes of features of which the speaker's mean is taken away and that of others added.
"""

import numpy as np
import numpy.typing as npt

from emoclr.evaluate.metrics.arrays import Array

PRIOR_WINDOWS = 10.0
"""How many windows the mean of others counts as, of which a voice's own is drawn towards it: five clips of CREMA-D."""
MIN_WINDOWS = 10
"""A voice of fewer is heard as if it were not known."""


def voice_shift(own: npt.ArrayLike, of_others: npt.ArrayLike, windows: int) -> Array:
    """Returns what is added to the logits of a voice.

    Args:
        own: (logits,) mean over its recordings, by their windows.
        of_others: (logits,) the same of other voices.
        windows: how many windows of the voice there are; 0 is returned of fewer than `MIN_WINDOWS`.

    Examples:
        >>> voice_shift([1.0], [3.0], windows=30), voice_shift([1.0], [3.0], windows=9)
        (array([1.5]), array([0.]))
    """
    distance = np.asarray(of_others, dtype=np.float64) - np.asarray(own, dtype=np.float64)
    return distance * (windows / (windows + PRIOR_WINDOWS) if windows >= MIN_WINDOWS else 0.0)
