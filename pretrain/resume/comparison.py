"""A run compared with its resumption: settings by their flat keys, and what is learned from."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emoclr.configs.errors import ConfigError
from emoclr.configs.messages import count_of, perhaps
from emoclr.configs.settings import Settings


@dataclass(frozen=True)
class Resumption:
    """What a run may go on with.

    Attributes:
        card: `run.yaml` of the run, for messages.
        new_run: what starts a new run, such as "another --out".
        allowed: keys, or groups of keys, that `--allow-change` names.
    """

    card: Path
    new_run: str
    allowed: Sequence[str] = ()

    def allows(self, key: str) -> bool:
        """Returns whether a key, or a group that it is in, is allowed to change."""
        return any(within(key, group) for group in self.allowed)

    def check_allowed(self, known: Sequence[str], bound: Mapping[str, str]) -> None:
        """Refuses what `--allow-change` cannot name.

        Raises:
            ConfigError: an allowed key is no setting, or may never change.
        """
        for key in self.allowed:
            if not any(within(name, key) for name in known):
                guess = perhaps(key, [*known, *map(top, known)])
                raise ConfigError(f"--allow-change: no setting {key!r}{guess}")
            if top(key) in bound:
                raise ConfigError(
                    f"--allow-change: {key} cannot change ({bound[top(key)]}): start a new run with {self.new_run}"
                )

    def check_settings(
        self, then: Settings, now: Settings, free: Set[str], bound: Mapping[str, str] | None = None
    ) -> None:
        """Refuses settings that a run cannot go on with.

        Args:
            then: what it began with.
            now: what is asked for.
            free: keys that change nothing of what is learned.
            bound: keys that nothing allows to change, and why; None for all that are not free.

        Raises:
            ConfigError: other settings differ.
        """
        changed = {key: pair for key, pair in differences(then, now).items() if top(key) not in free}
        never = bound or {}
        refused = {key: pair for key, pair in changed.items() if top(key) in never or not self.allows(key)}
        if not refused:
            return
        pairs = "; ".join(f"{key}: {before!r} then, {after!r} now" for key, (before, after) in refused.items())
        fixed = [f"{key} cannot change ({never[top(key)]})" for key in refused if top(key) in never]
        if fixed:
            way = f"{'; '.join(fixed)}: start a new run with {self.new_run}"
        elif bound is None:
            way = f"Put them back, or start a new run with {self.new_run}"
        else:
            way = self._way_on([*self.allowed, *refused])
        raise ConfigError(f"{self.card}: the run began with other settings; {pairs}. {way}")

    def check_input(self, then: object, now: object, what: str, how: str, key: str | None = None) -> None:
        """Refuses something else to learn from than what the run began with.

        Args:
            then: its digest when the run began.
            now: its digest now.
            what: it is, in the plural.
            how: it differs.
            key: that allows it to differ; None where nothing does.

        Raises:
            ConfigError: the digests differ, and that is not allowed.
        """
        if then == now or (key and self.allows(key)):
            return
        way = self._way_on([key]) if key else f"put them back, or start a new run with {self.new_run}"
        raise ConfigError(f"{self.card}: the {what} are not those the run began with ({how}); {way}")

    def _way_on(self, keys: Sequence[str]) -> str:
        return f"--allow-change {','.join(keys)} goes on with them, {self.new_run} starts a new run"


def differences(then: Settings, now: Settings) -> dict[str, list[Any]]:
    """Returns what each setting was and is, by the name it is typed by, of those that differ."""
    before, after = then.flat(), now.flat()
    keys = {**after, **before}
    return {key: [before.get(key), after.get(key)] for key in keys if before.get(key) != after.get(key)}


def changed_values(then: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Returns then and now, by key, of what both have and differ in."""
    return {key: [then[key], now[key]] for key in then if key in now and then[key] != now[key]}


def top(key: str) -> str:
    """Returns the group that a flat key is in."""
    return key.partition(".")[0]


def within(key: str, group: str) -> bool:
    """Returns whether a flat key is a group, or in it."""
    return key == group or key.startswith(f"{group}.")


def clips_compared(then: int | None, now: int, aside_then: int = 0, aside_now: int = 0) -> str:
    """Returns how many clips there were and are, and how many of them were set aside; None where it is not known.

    >>> clips_compared(24, 26), clips_compared(24, 20, 2, 6), clips_compared(24, 24)
    ('24 clips then, 26 now', '24 clips then, 20 now; set aside: 2 then, 6 now', '24 clips as then, but not the same')
    """
    if then is None or then == now:
        counts = f"{count_of(now, 'clip')}{'' if then is None else ' as then'}, but not the same"
    else:
        counts = f"{count_of(then, 'clip')} then, {now:,} now"
    return f"{counts}; set aside: {aside_then:,} then, {aside_now:,} now" if aside_then != aside_now else counts
