"""Compares a wheel with the clone: every file of the packages is in it, and nothing else.

python .ci/wheel_contents.py dist/emoclr-0.2.0-py3-none-any.whl
"""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def expected() -> set[str]:
    """Returns the names that the tracked files of all packages have when they are installed."""
    folders = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-dir"]
    names = set()
    for package, folder in folders.items():
        listed = subprocess.run(["git", "ls-files", folder], cwd=ROOT, capture_output=True, text=True, check=True)
        names |= {package.replace(".", "/") + line.removeprefix(folder) for line in listed.stdout.splitlines()}
    return names


def main() -> int:
    """Tells each difference, and returns 1 where there is one."""
    (wheel,) = sys.argv[1:]
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    wanted = expected()
    for name in sorted(wanted - held):
        print(f"{wheel} lacks {name}", file=sys.stderr)
    for name in sorted(held - wanted):
        print(f"{wheel} has {name}, which is no file of a package", file=sys.stderr)
    return int(held != wanted)


if __name__ == "__main__":
    sys.exit(main())
