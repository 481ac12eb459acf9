"""Extras: packages that only some need, which pyproject.toml lists under `[project.optional-dependencies]`."""

import importlib.util
from collections.abc import Sequence

from emoclr.configs.errors import ConfigError


def require_extra(extra: str, packages: Sequence[str], needed_by: str) -> None:
    """Does nothing where all packages are installed.

    Args:
        extra: what brings them.
        packages: as they are installed; as they are imported, dashes are underscores.
        needed_by: what of the command needs them, as the person wrote it.

    Raises:
        ConfigError: packages are missing; it names them, the extra, and the line that installs it.

    Examples:
        >>> require_extra("export", ["numpy"], "model.onnx")
        >>> require_extra("cluster", ["sun"], "--sun")
        Traceback (most recent call last):
        emoclr.configs.errors.ConfigError: --sun needs sun; pip install '.[cluster]' in the clone, or pip install sun
    """
    missing = [package for package in packages if importlib.util.find_spec(package.replace("-", "_")) is None]
    if missing:
        raise ConfigError(f"{needed_by} needs {' and '.join(missing)}; {install_line(extra, missing)}")


def install_line(extra: str, packages: Sequence[str]) -> str:
    """Returns how packages of an extra are installed.

    Examples:
        >>> install_line("cluster", ["ray"])
        "pip install '.[cluster]' in the clone, or pip install ray"
    """
    return f"pip install '.[{extra}]' in the clone, or pip install {' '.join(packages)}"
