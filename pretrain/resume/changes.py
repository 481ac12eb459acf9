"""Which settings may differ between a run and its resumption."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from emoclr.configs.errors import ConfigError
from emoclr.configs.messages import perhaps
from emoclr.pretrain.objectives import OBJECTIVES
from emoclr.pretrain.settings import PretrainSettings

# Another place to write to, or another way to the end, changes nothing of what is learned.
# With other `epochs` the rest of the schedule leads to the new end. What the ranks run on is free as well: how many
# they are decides what batches hold, and is compared by itself.
FREE_TO_CHANGE = frozenset(
    {"out", "backbones", "cache", "cache_gb", "epochs", "max_lost", "workers", "log_every_steps", "save_every_steps"}
    | {"monitor", "monitor_every", "monitor_clips", "positive_share", "accelerator", "devices", "num_nodes"}
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
    before, after = then.flat(), now.flat()
    for key in allowed:
        _check_key(key, [*before, *after])
    never = dict(BOUND)
    if OBJECTIVES[then.objective].head != OBJECTIVES[now.objective].head:
        never["objective"] = "the projection head that was trained is of another kind"
    changed = [key for key in differences(then, now) if _top(key) not in FREE_TO_CHANGE]
    refused = [key for key in changed if _top(key) in never or not any(_within(key, of) for of in allowed)]
    if not refused:
        return
    told = [f"{key}: {before.get(key)!r} then, {after.get(key)!r} now" for key in refused]
    bound = [f"{key} cannot change ({never[_top(key)]})" for key in refused if _top(key) in never]
    if bound:
        way = f"{'; '.join(bound)}: start a new run with another out="
    else:
        keys = ",".join([*allowed, *refused])
        way = f"--allow-change {keys} goes on with them, another out= starts a new run"
    raise ConfigError(f"{run}: the run began with other settings; {'; '.join(told)}. {way}")


def differences(then: PretrainSettings, now: PretrainSettings) -> dict[str, list[Any]]:
    """Returns what each setting was and is, by the name it is typed by, of those that differ."""
    before, after = then.flat(), now.flat()
    keys = {**after, **before}
    return {key: [before.get(key), after.get(key)] for key in keys if before.get(key) != after.get(key)}


def _check_key(key: str, known: Sequence[str]) -> None:
    """Raises a ConfigError where a key is no setting, or may never change."""
    if not any(_within(name, key) for name in known):
        hint = perhaps(key, [*known, *map(_top, known)])
        raise ConfigError(f"--allow-change: no setting {key!r}{hint}")
    if _top(key) in BOUND:
        raise ConfigError(
            f"--allow-change: {key} cannot change ({BOUND[_top(key)]}): start a new run with another out="
        )


def _top(key: str) -> str:
    return key.partition(".")[0]


def _within(key: str, of: str) -> bool:
    return key == of or key.startswith(f"{of}.")
