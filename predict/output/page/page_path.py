"""Where a page goes, and the folder beside it in which it is prepared, so that nobody's file is lost."""

import re
from pathlib import Path
from typing import Literal

from emoclr.configs.errors import ConfigError
from emoclr.configs.messages import readable

Sound = Literal["embed", "link", "none"]
"""Of a page: in it, beside it, or left out."""

GENERATOR = "emoclr predict"
"""By which a page is known."""

_OURS = re.compile(r"\d+\.(npz|mp3)|parts\.html")


def is_page(path: Path) -> bool:
    """Returns whether there is a page of `predict` at a path, or an empty file."""
    with path.open("rb") as file:
        start = file.read(1 << 10)
    return not start or f'<meta name="generator" content="{GENERATOR}">'.encode() in start


def draft_path(page: Path) -> Path:
    """Returns the folder beside a page in which it is prepared."""
    return page.with_name(f"{page.name}.draft")


def check_draft(page: Path) -> None:
    """Checks that the folder in which a page is prepared holds nothing of others.

    Raises:
        ConfigError: it does, or is no folder.
    """
    folder = draft_path(page)
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise ConfigError(f"{readable(folder)}: is no folder; give another --page, or remove it")
    others = [path for path in (folder.iterdir() if folder.exists() else ()) if not _OURS.fullmatch(path.name)]
    if others:
        raise ConfigError(f"{readable(others[0])}: was not written by predict; give another --page")
