"""Which folders hold emotion models: found without torch, so that a wrong one is refused at once."""

from pathlib import Path

from emoclr.configs.errors import ConfigError
from emoclr.pretrain.encoder.folders import CheckpointError

CARD = "model.yaml"
ENSEMBLE_CARD = "ensemble.yaml"


def find_card(run: Path) -> Path:
    """Returns the card of the ensemble of a run folder, or of the model of a backbone's folder.

    Raises:
        ConfigError: there is no such folder.
        CheckpointError: it holds neither.
    """
    for name in (ENSEMBLE_CARD, CARD):
        if (run / name).is_file():
            return run / name
    give = "give the --out folder of a finished `finetune`, or one backbone's folder in it"
    if not run.is_dir():
        raise ConfigError(f"{run}: no such folder; {give}")
    raise CheckpointError(f"{run}: holds neither {ENSEMBLE_CARD} nor {CARD}; {give}")
