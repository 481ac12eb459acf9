"""Which folders hold emotion models: found without torch, so that a wrong one is refused at once."""

from pathlib import Path

from emoclr.pretrain.encoder.folders import CheckpointError, find_run

CARD = "model.yaml"
ENSEMBLE_CARD = "ensemble.yaml"


GIVE = "give the --out folder of a finished `finetune`, or one backbone's folder in it"


def find_card(source: str | Path) -> Path:
    """Returns the card of the ensemble of a run folder, or of the model of a backbone's folder.

    Args:
        source: the folder; see `find_run`.

    Raises:
        ConfigError: there is no such folder.
        CheckpointError: it holds neither.
    """
    run = find_run(source, GIVE)
    for name in (ENSEMBLE_CARD, CARD):
        if (run / name).is_file():
            return run / name
    raise CheckpointError(f"{source}: holds neither {ENSEMBLE_CARD} nor {CARD}; {GIVE}")


def holds_emotions(source: str | Path) -> bool:
    """Returns whether a run folder holds emotion models; one of `pretrain` holds encoders alone.

    Raises:
        ConfigError: there is no such folder.
    """
    run = find_run(source, GIVE)
    return any((run / name).is_file() for name in (ENSEMBLE_CARD, CARD))
