"""What a recipe is, and which there are."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from configs.errors import ConfigError

if TYPE_CHECKING:
    from corpus.prepare.named_files import Prepared


@dataclass(frozen=True)
class Recipe:
    """How one corpus becomes labels; `module.prepare(folder, labels)` does it.

    Attributes:
        module: where the recipe is, imported when it is used.
        description: the corpus, in a line.
        labels: the sets of labels it can give, the default first.
    """

    module: str
    description: str
    labels: tuple[str, ...]

    def prepare(self, folder: Path, labels: str | None) -> "Prepared":
        """Returns the table of a corpus with the labels asked for, None for the default.

        Raises:
            ConfigError: the corpus has no such labels.
            EmoclrError: the folder does not hold the corpus.
        """
        if labels is not None and labels not in self.labels:
            raise ConfigError(f"--labels {labels}: this corpus has {' and '.join(self.labels)}")
        work: Callable[[Path, str], Prepared] = importlib.import_module(self.module).prepare
        return work(folder, labels or self.labels[0])


RECIPES = {
    "crema_d": Recipe("corpus.prepare.crema_d", "CREMA-D: 91 actors, 12 sentences, 6 emotions", ("votes", "intended")),
    "emogator": Recipe("corpus.prepare.emogator", "EmoGator: vocal bursts of 357 people, 30 emotions", ("intended",)),
}
