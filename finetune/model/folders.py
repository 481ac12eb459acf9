"""Which folders hold emotion models: found without torch, so that a wrong one is refused at once."""

from pathlib import Path

from emoclr.configs.errors import ConfigError
from emoclr.configs.files import read_yaml
from emoclr.pretrain.encoder.folders import CARD as ENCODER_CARD
from emoclr.pretrain.encoder.folders import EMOTIONS, CheckpointError, find_run

ENSEMBLE_CARD, CARD = EMOTIONS

TRAINED = "trained_fingerprints.npy"
"""Fingerprints of the labelled clips that a network was trained on, beside its weights."""

VALIDATED = "validated_fingerprints.npy"
"""Fingerprints of the labelled clips that chose its epoch, its temperatures and its thresholds."""


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
    neither = f"{source}: holds neither {ENSEMBLE_CARD} nor {CARD}"
    if (run / ENCODER_CARD).is_file() or any(run.glob(f"*/{ENCODER_CARD}")):
        raise CheckpointError(
            f"{neither}, but encoders: `finetune --from {source}` makes emotion models of them; {GIVE}"
        )
    raise CheckpointError(f"{neither}; {GIVE}")


def holds_emotions(source: str | Path) -> bool:
    """Returns whether a run folder holds emotion models; one of `pretrain` holds encoders alone.

    Raises:
        ConfigError: there is no such folder.
    """
    run = find_run(source, GIVE)
    return any((run / name).is_file() for name in (ENSEMBLE_CARD, CARD))


def model_folders(source: str | Path) -> dict[str, Path]:
    """Returns the folders of the emotion models of a run, by their names below it; a model's folder by its own name.

    Args:
        source: the folder; see `find_run`.

    Raises:
        ConfigError: there is no such folder.
        CheckpointError: it holds none, or its card is damaged or names what lies elsewhere.
    """
    card = find_card(source)
    if card.name == CARD:
        return {card.parent.resolve().name: card.parent}
    try:
        names = [str(name) for name in read_yaml(card)["members"]]
    except (ConfigError, KeyError, TypeError) as error:
        raise CheckpointError(f"{card}: does not say which members there are; {GIVE}") from error
    run = card.parent.resolve()
    for name in names:
        if Path(name).is_absolute() or not (run / name).resolve().is_relative_to(run):
            raise CheckpointError(f"{card}: members: {name} lies outside the ensemble's folder")
    return {name: card.parent / name for name in names}
