"""What computes numbers loads nothing that draws or writes them."""

import subprocess
import sys

import pytest

HEAVY = ("matplotlib", "jinja2", "torch", "soundfile", "pandas", "rich", "emoclr.evaluate.report", "emoclr.corpus")


@pytest.mark.parametrize("module", ["scores", "paired", "linear_probe", "speaker_probe", "groups", "metrics.registry"])
def test_numbers_come_without_figures_and_report_writers(module: str) -> None:
    code = f"import sys, emoclr.evaluate.{module}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not [name for name in loaded if name.startswith(HEAVY)]


def test_settings_name_the_share_without_numpy() -> None:
    code = "import sys, emoclr.evaluate.positive_share; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "numpy" not in loaded
