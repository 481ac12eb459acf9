"""Which folders hold runs and their encoders: found without torch, so that a wrong one is refused at once."""

from pathlib import Path

from emoclr.configs.errors import ConfigError, EmoclrError

RUN = "run.yaml"
"""Card of a run folder."""

CARD = "encoder.yaml"
"""Card of a backbone's folder."""


class CheckpointError(EmoclrError):
    """A checkpoint that is missing, truncated, foreign or tampered with.

    Examples:
        >>> CheckpointError("checkpoints/my-run: no encoder.yaml in it").exit_code
        1
    """


def check_run_folder(folder: Path) -> None:
    """Checks that a folder holds a run.

    Raises:
        ConfigError: there is no such folder.
        CheckpointError: it holds no run.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder; give the --out of a run")
    if not (folder / RUN).is_file():
        raise CheckpointError(f"{folder}: is no run folder: it holds no {RUN}")


def backbone_folders(run: Path, card: str = CARD) -> list[Path]:
    """Returns the backbone folders of a run folder, or the folder itself where it is one, sorted by name.

    Args:
        run: a run folder, or one backbone's folder.
        card: the file that makes a folder a backbone's: `encoder.yaml` or `model.yaml`.

    Raises:
        ConfigError: there is no such folder.
        CheckpointError: it holds none.
    """
    if (run / card).is_file():
        return [run]
    folders = sorted(path.parent for path in run.glob(f"*/{card}"))
    if not folders:
        give = "give a run folder or one backbone's folder"
        if not run.is_dir():
            raise ConfigError(f"{run}: no such folder; {give}")
        raise CheckpointError(f"{run}: no {card} in it, nor in a folder below it; {give}")
    return folders
