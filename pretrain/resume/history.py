"""The card of a run, and how the run went on otherwise than before."""

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from emoclr.configs.settings import Settings
from emoclr.pretrain.encoder.checkpoint import git_commit, package_versions


class Change(Settings):
    """How a run went on otherwise than before."""

    steps: dict[str, int] = Field({}, description="of each backbone when it went on")
    differences: dict[str, list[Any]] = Field({}, description="then and now, of each setting and of the recordings")
    versions: dict[str, str] = Field({}, description="it went on with")
    commit: str | None = Field(None, description="it went on with")


def extended_history(
    history: Sequence[Change],
    versions: dict[str, str],
    commit: str | None,
    differences: dict[str, list[Any]],
    steps: dict[str, int],
) -> list[Change]:
    """Returns the history of a run that goes on: one change more, unless nothing differs from the latest.

    Args:
        history: of the run so far, the latest change last.
        versions: packages that the run began with.
        commit: that it began with.
        differences: then and now, by key.
        steps: of each backbone that was saved.
    """
    now = Change(steps=steps, differences=differences, versions=package_versions(), commit=git_commit())
    latest = (history[-1].versions, history[-1].commit) if history else (versions, commit)
    if not differences and latest == (now.versions, now.commit):
        return list(history)
    return [*history, now]
