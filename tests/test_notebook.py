"""The notebook in examples/ runs, on synthetic voices, from the first cell to the last."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
from PIL import Image

from emoclr.corpus.demo.expression import EMOTIONS, express
from emoclr.corpus.demo.voice import draw_voice, speak

NOTEBOOK = Path(__file__).parents[1] / "examples/emotions_over_time.ipynb"


@pytest.fixture(scope="module")
def cells() -> list[dict[str, Any]]:
    notebook = json.loads(NOTEBOOK.read_text())
    assert notebook["nbformat"] == 4
    found: list[dict[str, Any]] = notebook["cells"]
    return found


def test_it_runs_and_draws(cells: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    rng = np.random.default_rng(0)
    Path("recordings").mkdir()
    for number, emotion in enumerate(list(EMOTIONS)[:4]):
        voice = draw_voice("female" if number % 2 else "male", rng)
        said = speak(voice, express(emotion, voice, rng), 2.0 + number, rng)
        sf.write(f"recordings/{emotion}.wav", np.clip(said, -1, 1), 16_000)
    names: dict[str, Any] = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), str(NOTEBOOK), "exec"), names)
    assert len(names["whole"]) == 4 and len(names["of_one"]) == 4 and len(names["features"]) == 4
    for picture in ("emotions.png", "alike.png"):
        pixels = np.asarray(Image.open(picture).convert("L"))
        assert min(pixels.shape) > 500 and pixels.std() > 10


def test_it_is_kept_without_what_it_printed(cells: list[dict[str, Any]]) -> None:
    for cell in cells:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None
