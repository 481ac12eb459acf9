"""Settings that were removed: files of earlier versions that name them at their defaults still load."""

from dataclasses import dataclass
from typing import Any

ABLATIONS = "see docs/ablations.md"


@dataclass(frozen=True)
class Removed:
    """A setting that was removed.

    Attributes:
        neutral: its default, under which nothing is lost without it.
        why: what the ablations showed.
    """

    neutral: object
    why: str


_NOTHING = "made no difference to macro AUROC"
_HARM = "lowered macro AUROC by 0.010"

REMOVED = {
    "mix.p": Removed(0, f"mixing two clips {_HARM}"),
    "join.p": Removed(0, f"joining two clips {_HARM}"),
    "label_smoothing": Removed(0, f"label smoothing {_NOTHING}"),
    "averaging": Removed("none", f"an exponential moving average of the weights {_NOTHING}"),
    "averaging_decay": Removed(0.99, f"an exponential moving average of the weights {_NOTHING}"),
    "focal_gamma": Removed(2.0, f"the focal loss {_NOTHING}; its gamma is 2"),
    "asymmetric_gamma": Removed(4.0, f"the asymmetric loss {_NOTHING}"),
}
"""By key, as it is typed. A group `key.p` goes with all its keys where `p` is neutral."""

REMOVED_LOSSES = {"asymmetric": f"the asymmetric loss {_NOTHING}"}


def without_removed(given: dict[str, Any]) -> dict[str, Any]:
    """Returns settings without the keys that were removed.

    Raises:
        ValueError: one of them is not at its neutral value, or the loss was removed.
    """
    left = dict(given)
    for name, removed in REMOVED.items():
        key, _, within = name.partition(".")
        if key not in left:
            continue
        value = left.pop(key)
        if within and isinstance(value, dict):
            value = value.get(within, removed.neutral)
        if isinstance(value, bool) or value != removed.neutral:
            raise ValueError(f"{name}: was removed: {removed.why} ({ABLATIONS}); leave it out")
    loss = left.get("loss")
    if isinstance(loss, str) and loss in REMOVED_LOSSES:
        raise ValueError(f"loss: {loss} was removed: {REMOVED_LOSSES[loss]} ({ABLATIONS}); give another one")
    return left
