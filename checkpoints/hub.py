"""Released folders onto the Hugging Face hub; `hf:OWNER/NAME` loads them from there."""

from collections.abc import Iterator
from pathlib import Path

from emoclr.checkpoints.cards.release_card import ReleaseCard
from emoclr.configs.errors import ConfigError, EmoclrError
from emoclr.configs.messages import one_line
from emoclr.finetune.model.checkpoint import WEIGHTS as MODEL_WEIGHTS
from emoclr.finetune.model.checkpoint import ModelCard
from emoclr.finetune.model.folders import CARD as MODEL_CARD
from emoclr.pretrain.encoder.checkpoint import WEIGHTS, EncoderCard, file_sha256, load_card
from emoclr.pretrain.encoder.folders import CARD, HUB, RELEASE, RELEASE_FILES, CheckpointError, find_run


def push(folder: Path, address: str) -> str:
    """Writes a released folder into a repository of the hub, which is made where it is not there, and returns its URL.

    Who is logged in there (`hf auth login`), or the environment's HF_TOKEN, may write.

    Args:
        folder: of `release`, or the name of a released model.
        address: `hf:OWNER/NAME`.

    Raises:
        ConfigError: there is no such folder, or the address is none.
        CheckpointError: the folder is no release, or its weights are not those of its cards.
        EmoclrError: the hub does not take it.

    Examples:
        >>> push(Path("checkpoints/my-run"), "my-run")
        Traceback (most recent call last):
            ...
        emoclr.configs.errors.ConfigError: my-run: is no address of the hub, which is written hf:OWNER/NAME
    """
    repository = address.removeprefix(HUB)
    names = repository.split("/")
    if not address.startswith(HUB) or len(names) != 2 or not all(names) or "@" in repository:
        raise ConfigError(f"{address}: is no address of the hub, which is written hf:OWNER/NAME")
    found = find_run(folder, "give a folder of `checkpoints release`")
    check_release(found)
    from huggingface_hub import HfApi

    api = HfApi()
    try:
        url = api.create_repo(repository, exist_ok=True)
        api.upload_folder(
            repo_id=repository,
            folder_path=found,
            commit_message=f"{found.resolve().name}, released by emoclr",
            allow_patterns=list(RELEASE_FILES),
        )
    except Exception as error:  # of the hub, of what carries its answers, of the disk
        raise EmoclrError(f"{address}: cannot be written: {one_line(error)}") from error
    return str(url)


def check_release(folder: Path) -> None:
    """Checks that a folder is a release, and that its weights are those that its cards describe.

    Raises:
        CheckpointError: it is none, or they are not.
    """
    if not (folder / RELEASE).is_file():
        raise CheckpointError(f"{folder}: is no release: it holds no {RELEASE}; `checkpoints release` makes one")
    load_card(folder / RELEASE, ReleaseCard)
    described = [*_described(folder)]
    if not described:
        raise CheckpointError(f"{folder}: holds no {CARD} and no {MODEL_CARD}")
    for weights, sha256 in described:
        if not weights.is_file() or file_sha256(weights) != sha256:
            raise CheckpointError(f"{weights}: is not the file that its card describes; release it anew")


def _described(folder: Path) -> Iterator[tuple[Path, str]]:
    for path in sorted(folder.rglob(CARD)):
        yield path.with_name(WEIGHTS), load_card(path, EncoderCard).weights_sha256
    for path in sorted(folder.rglob(MODEL_CARD)):
        yield path.with_name(MODEL_WEIGHTS), load_card(path, ModelCard).weights_sha256
