"""What of a pretraining run may differ when it is resumed."""

from collections.abc import Sequence
from pathlib import Path

from emoclr.configs.console import say
from emoclr.configs.errors import ConfigError
from emoclr.pretrain.objectives.registry import OBJECTIVES
from emoclr.pretrain.resume.comparison import Resumption, changed_values, clips_compared
from emoclr.pretrain.resume.run_card import AUGMENTATION_FILES, RunCard
from emoclr.pretrain.settings import PretrainSettings

# Another place to write to, or another way to the end, changes nothing of what is learned.
# With other `epochs` the rest of the schedule leads to the new end. What the ranks run on is free as well: how many
# they are decides what batches hold, and is compared by itself.
FREE_TO_CHANGE = frozenset(
    {"out", "backbones", "cache", "cache_gb", "epochs", "max_lost", "workers", "log_every_steps", "save_every_steps"}
    | {"readout", "monitor", "monitor_every", "monitor_clips", "positive_share", "accelerator", "devices", "num_nodes"}
)

BOUND = {
    "spectrogram": "the weights and the normalisation belong to it",
    "projection_hidden": "the projection head has it",
    "projection_size": "the projection head has it",
    "optimizer": "the state that was saved is of the other one",
    "pretrained": "training is past its start",
    "start_from": "training is past its start",
}
"""What nothing allows to change, and why: it takes a new run."""


def resumption(run: Path, allowed: Sequence[str]) -> Resumption:
    """Returns what the run of a card may go on with."""
    return Resumption(run, "another --out", allowed)


def check_changes(then: PretrainSettings, now: PretrainSettings, allowed: Sequence[str], run: Path) -> None:
    """Refuses settings that a run cannot go on with.

    Args:
        then: what it began with.
        now: what is asked for.
        allowed: keys, or keys with their sub-keys, that may differ besides `FREE_TO_CHANGE`.
        run: the card of the run, for messages.

    Raises:
        ConfigError: other settings differ, or one of `allowed` is no setting, or may never change.
    """
    bound = dict(BOUND)
    rules = resumption(run, allowed)
    rules.check_allowed([*then.flat(), *now.flat()], bound)
    if OBJECTIVES[then.objective].head != OBJECTIVES[now.objective].head:
        bound["objective"] = "the projection head that was trained is of another kind"
    if bool(then.functionals_weight) != bool(now.functionals_weight):
        bound["functionals_weight"] = "the head of functionals is trained from the first step on, or not at all"
    rules.check_settings(then, now, FREE_TO_CHANGE, bound)


def check_inputs(then: RunCard, now: RunCard, allowed: Sequence[str], path: Path) -> None:
    """Refuses other recordings, labels, initial weights or ranks than those a run began with.

    Args:
        then: the card of the run.
        now: the card that it would get.
        allowed: settings that may differ.
        path: of the card, for messages.

    Raises:
        ConfigError: something differs, and none of `allowed` names it.
    """
    rules = resumption(path, allowed)
    clips = clips_compared(then.clips, now.clips, then.set_aside, now.set_aside)
    rules.check_input(then.corpus_fingerprint, now.corpus_fingerprint, "recordings", clips, "data")
    if then.corpus_fingerprint != now.corpus_fingerprint:
        say(f"going on with other recordings than the run began with: {clips}")
    for key, (before, after) in changed_values(then.digests, now.digests).items():
        if key.startswith("start_from"):
            rules.check_input(before, after, f"weights of {key}", "SHA-256 differs")
        elif key == AUGMENTATION_FILES:
            rules.check_input(before, after, f"files of {key}", "names or sizes differ", key)
        else:
            rules.check_input(before, after, f"labels of {key}", "SHA-256 differs", key)
    if then.ranks not in (None, now.ranks) and not rules.allows("devices"):
        raise ConfigError(
            f"{path}: {then.ranks} processes trained together then, {now.ranks} now, so that batches are others: "
            "set devices and num_nodes accordingly; --allow-change devices goes on with these"
        )
