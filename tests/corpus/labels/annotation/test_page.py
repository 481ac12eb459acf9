import base64
import html
import io
import json
import re
import shutil
import subprocess

import numpy as np
import pytest
import soundfile as sf

from emoclr.configs.errors import ConfigError, EmoclrError
from emoclr.corpus.cli import main
from emoclr.corpus.labels.annotation.run import label_by_ear, write_label_page
from emoclr.corpus.labels.labels_csv import read_labels

BROWSER = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
MARKUP = "</script><img src=x>"


@pytest.fixture
def picked(tmp_path):
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
    (tmp_path / "calls").mkdir()
    sf.write(tmp_path / "calls/a.wav", tone, 16_000)
    rows = ["calls/a.wav,0,0.5,anna", f"'calls/<b>.wav',0,1,{MARKUP}", "calls/a.wav,0.5,1,anna", "calls/a.wav,0,1,ben"]
    (tmp_path / "picked.csv").write_text("\n".join(["path,start_s,end_s,speaker", *rows]) + "\n")
    return tmp_path / "picked.csv"


def held(page: str, name: str) -> str:
    found = re.findall(rf'<script type="[\w/]+" id="{name}">(.*?)</script>', page, re.DOTALL)
    assert len(found) == 1
    return found[0]


def test_a_page_holds_its_sound_and_no_markup_of_names(picked, tmp_path, capsys):
    out = tmp_path / "anna.html"
    assert main(["label", str(picked), "--page", str(out), "--emotions", f"joy,{MARKUP}"]) == 0
    page = out.read_text()
    assert MARKUP not in page and "<b>.wav" not in page and "http" not in page.replace("http-equiv", "")
    task = json.loads(held(page, "task"))
    assert task["emotions"] == ["joy", MARKUP]
    assert task["names"][:2] == ["a.wav", "<b>.wav'"]
    sound, rate = sf.read(io.BytesIO(base64.b64decode(held(page, "sound-0"))))
    assert rate == 16_000
    # An mp3 has frames of 36 ms at 16 kHz.
    assert len(sound) / rate == pytest.approx(0.5, abs=0.08)
    assert np.abs(np.fft.rfft(sound)).argmax() * rate / len(sound) == pytest.approx(440, abs=5)
    assert "no such file" in json.loads(held(page, "sound-1"))["error"]
    assert "1 of 4 clips cannot be heard" in capsys.readouterr().err


@pytest.mark.skipif(BROWSER is None, reason="needs chromium")
def test_keys_label_and_the_file_that_is_saved_is_a_labels_csv(picked, tmp_path):
    write_label_page(picked, tmp_path / "page.html", ["joy", "fear"])
    script = """<script>
      const press = (...keys) => keys.forEach((key) =>
        document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true })));
      URL.createObjectURL = (blob) => {
        blob.text().then((text) => { document.body.dataset.csv = text; });
        return "#";
      };
      press("2", "1", "Enter", "x", "2", "2", "0", "z", "2", "Enter", "Enter", "1", "Enter");
      download();
    </script></html>"""
    page = (tmp_path / "page.html").read_text().replace("</html>", script)
    (tmp_path / "driven.html").write_text(page)
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    command += ["--virtual-time-budget=2000", "--dump-dom", (tmp_path / "driven.html").as_uri()]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    written = re.search(r'data-csv="([^"]*)"', shown)
    assert written is not None
    (tmp_path / "labels.csv").write_text(html.unescape(written[1]))
    table = read_labels(tmp_path / "labels.csv")
    assert table.targets.tolist() == [[1, 1], [0, 1], [1, 0]]
    assert table.start_s.tolist() == [0, 0.5, 0] and table.speakers == ["anna", "anna", "ben"]
    assert "3 of 4 labelled, 1 can't tell" in shown


def test_a_page_goes_on_with_what_was_saved_from_it(picked, tmp_path):
    rows = ["path,start_s,end_s,awe,joy,speaker", "calls/a.wav,0.5,1,0,1,anna", "calls/z.wav,0,1,1,0,zoe"]
    (tmp_path / "page.labels.csv").write_text("\n".join(rows) + "\n")
    write_label_page(picked, tmp_path / "page.html", None)
    task = json.loads(held((tmp_path / "page.html").read_text(), "task"))
    assert task["emotions"] == ["awe", "joy"]
    assert task["answers"] == [None, None, [1], None]
    assert task["others"] == ["calls/z.wav,0,1,1,0,zoe\n"]


def test_a_page_without_any_sound_is_none(tmp_path):
    (tmp_path / "picked.csv").write_text("path\nnowhere.wav\n")
    with pytest.raises(EmoclrError, match="none of 1 clip"):
        write_label_page(tmp_path / "picked.csv", tmp_path / "page.html", None)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["picked.csv"]


@pytest.mark.parametrize("emotions", [["joy", "joy"], ["joy", ""], ["arousal"], ["speaker"], ["a;b"], ["path"]])
def test_what_no_reader_takes_for_an_emotion_is_refused_before_anyone_listens(picked, emotions):
    with pytest.raises(ConfigError, match="--emotions"):
        label_by_ear(picked, picked.with_name("labels.csv"), emotions)


def test_either_labels_or_a_page_are_wanted(picked):
    for words in ([], ["--out", "labels.csv", "--page", "page.html"]):
        with pytest.raises(SystemExit) as end:
            main(["label", str(picked), *words])
        assert end.value.code == 2
