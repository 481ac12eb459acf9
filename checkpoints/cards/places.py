"""What a released card must not tell: folders of the machine that a run was made on."""

import re
import shlex
from pathlib import PurePath, PureWindowsPath
from typing import Any

_FOLDERS = re.compile(r"(?<![\w./:-])~?/(?:[^/\s,;:'\"=\[\]]+/)+")
_WINDOWS = re.compile(r"[A-Za-z]:[\\/]")


def without_places(content: Any) -> Any:
    """Returns values of a card with every absolute path cut down to its name, also within a text.

    >>> without_places({"data": ["/home/anna/votes.csv", "votes.csv"], "note": "see /home/anna/list.csv, line 3"})
    {'data': ['votes.csv', 'votes.csv'], 'note': 'see list.csv, line 3'}
    """
    if isinstance(content, dict):
        return {key: without_places(value) for key, value in content.items()}
    if isinstance(content, list):
        return [without_places(value) for value in content]
    if not isinstance(content, str):
        return content
    if _WINDOWS.match(content):
        return PureWindowsPath(content).name
    return PurePath(content).name if content.startswith(("/", "~/")) else _FOLDERS.sub("", content)


def command_without_places(command: str) -> str:
    """Returns a command line likewise.

    >>> command_without_places("probe --from /home/anna/five --data '/home/anna b/votes.csv' cache=/tmp/x folds=5")
    'probe --from five --data votes.csv cache=x folds=5'
    """
    try:
        words = shlex.split(command)
    except ValueError:  # no command line, but a text
        return str(without_places(command))
    return shlex.join("=".join(map(without_places, word.split("=", maxsplit=1))) for word in words)
