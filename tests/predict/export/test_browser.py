"""The page in examples/browser/ says of recordings and of the microphone what Python says; so does its Node.js twin."""

import csv
import functools
import http.server
import json
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import soundfile as sf
from playwright.sync_api import Browser, Page, expect, sync_playwright

from emoclr.corpus.audio.channels import Channels, choose_mix
from emoclr.corpus.audio.padding import fix_length
from emoclr.predict.data_frame import predict_frame
from emoclr.pretrain.encoder.windows import window_starts

EXAMPLES = Path(__file__).parents[3] / "examples"
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
RATE = 16_000

pytestmark = pytest.mark.skipif(BROWSER is None or shutil.which("npm") is None, reason="no Chromium or no npm")


@pytest.fixture(scope="module")
def folder(exported: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example as its README sets it up, with a model beside the page."""
    folder = tmp_path_factory.mktemp("browser") / "browser"
    shutil.copytree(EXAMPLES / "browser", folder, ignore=shutil.ignore_patterns("node_modules", "*.onnx"))
    shutil.copy(exported / "emotions.onnx", folder)
    words = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--fetch-retries=0"]
    try:
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip("the registry of npm does not answer")
    assert not re.search(r"E404|ETARGET|EJSONPARSE", done.stderr), done.stderr
    if done.returncode:
        pytest.skip(f"npm install: {done.stderr}")
    return folder


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *words: Any) -> None:
        pass


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def spoken(write_noise: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the microphone hears: noise that is loud, then quiet and dull."""
    folder = tmp_path_factory.mktemp("spoken")
    halves = [write_noise(folder / "1.wav", 2.0, True, False, 1), write_noise(folder / "2.wav", 2.0, False, True, 2)]
    sf.write(folder / "spoken.wav", np.concatenate([sf.read(half)[0] for half in halves]), RATE)
    return folder / "spoken.wav"


@pytest.fixture(scope="module")
def browser(spoken: Path) -> Iterator[Browser]:
    fakes = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    arguments = ["--no-sandbox", *fakes, f"--use-file-for-fake-audio-capture={spoken}"]
    expect.set_options(timeout=30_000)  # of a busy machine
    with sync_playwright() as tool:
        opened = tool.chromium.launch(executable_path=BROWSER, args=arguments)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def tab(browser: Browser, address: str) -> Iterator[Page]:
    """The page, with the model beside it; whatever it asks for lies beside it."""
    problems: list[str] = []
    tab = browser.new_page()
    tab.on("pageerror", lambda error: problems.append(str(error)))
    known = (address, f"blob:{address}", "data:")
    tab.on("request", lambda asked: None if asked.url.startswith(known) else problems.append(asked.url))
    tab.goto(address)
    yield tab
    tab.close()
    assert problems == []


@pytest.fixture
def page(tab: Page) -> Page:
    """The same, with that model again if a test opened another one."""
    if not tab.locator("#recording").is_enabled() or "(emotions.onnx)" not in (tab.text_content("#about") or ""):
        tab.reload()
        expect(tab.locator("#recording")).to_be_enabled()
    return tab


def heard(page: Page, recording: Path) -> list[list[str]]:
    """Returns the rows of the table on the page once a recording was heard."""
    page.set_input_files("#recording", recording)
    expect(page.locator("#status")).to_contain_text("heard in")
    return rows_of(page)


def rows_of(page: Page) -> list[list[str]]:
    found: list[list[str]] = page.evaluate(
        "() => [...document.querySelectorAll('tbody tr')].map((row) => [...row.cells].map((cell) => cell.textContent))"
    )
    return found


def changed(model: Path, out: Path, **facts: object) -> Path:
    """Returns a file that says something else of itself."""
    content = onnx.load(model)
    said = {entry.key: entry.value for entry in content.metadata_props} | {
        key: str(value) for key, value in facts.items()
    }
    onnx.helper.set_model_props(content, said)
    onnx.save(content, out)
    return out


def take_model(page: Page, model: Path) -> None:
    page.set_input_files("#model", model)
    expect(page.locator("#about")).to_contain_text(model.name)
    expect(page.locator("#recording")).to_be_enabled()


@pytest.mark.parametrize("name", ["short.wav", "long.wav", "below/middle, loud.flac"])
def test_the_page_says_of_a_recording_what_the_timeline_says(
    page: Page, emotions: Path, recordings: Path, name: str
) -> None:
    rows = heard(page, recordings / name)
    expected = predict_frame(emotions, recordings / name, timeline=True, gate="none")
    assert [row[-1] for row in rows] == [";".join(named) for named in expected["emotions"]]
    found = np.array([[float(cell) for cell in row[:-1]] for row in rows])
    np.testing.assert_allclose(found[:, :2], expected[["start_s", "end_s"]], atol=0.006)  # two digits are shown
    np.testing.assert_allclose(found[:, 2:], expected[["anger", "sadness"]], atol=1e-3)


def test_recordings_of_another_rate_are_resampled_and_an_empty_channel_is_left_out(
    page: Page, emotions: Path, tmp_path: Path
) -> None:
    time_s = np.arange(44_100) / 44_100
    voice = 0.2 * sum(np.sin(2 * np.pi * 180 * harmonic * time_s) / harmonic for harmonic in range(1, 30))
    sf.write(tmp_path / "stereo.wav", np.stack([0 * voice, voice], axis=1), 44_100)
    found = [[float(cell) for cell in row[2:4]] for row in heard(page, tmp_path / "stereo.wav")]
    expected = predict_frame(emotions, tmp_path / "stereo.wav", timeline=True, gate="none")
    np.testing.assert_allclose(found, expected[["anger", "sadness"]], atol=0.02)


def test_values_and_names_are_shown_where_the_recording_plays(page: Page, recordings: Path) -> None:
    rows = heard(page, recordings / "long.wav")
    expect(page.locator("#now small")).to_have_text("at 0:00")
    expect(page.locator("[data-emotion=anger] output")).to_have_text(f"{float(rows[0][2]):.2f}")
    named = page.locator("[data-emotion].named span").all_text_contents()
    assert ";".join(named) == rows[0][-1]
    page.evaluate("() => { document.querySelector('audio').currentTime = 2.1; }")
    expect(page.locator("#now small")).to_have_text("at 0:02")
    expect(page.locator("[data-emotion=anger] output")).to_have_text(f"{float(rows[-1][2]):.2f}")
    with page.expect_download() as saved:
        page.locator("summary").click()
        page.locator("#save").click()
    lines = list(csv.reader(saved.value.path().read_text().splitlines()))
    assert lines == [["start_s", "end_s", "anger", "sadness", "emotions"], *rows]


def test_it_says_so_where_nothing_reaches_its_threshold_and_where_nothing_sounds(
    page: Page, exported: Path, recordings: Path, tmp_path: Path
) -> None:
    take_model(page, changed(exported / "emotions.onnx", tmp_path / "strict.onnx", thresholds=[1.1, 1.1]))
    assert {row[-1] for row in heard(page, recordings / "long.wav")} == {""}
    expect(page.locator("#now")).to_contain_text("nothing reaches its threshold")
    sf.write(tmp_path / "silence.wav", np.zeros(RATE), RATE)
    assert {row[-1] for row in heard(page, tmp_path / "silence.wav")} == {"silence"}
    expect(page.locator("#now")).to_contain_text("silence")


def test_a_model_of_single_labels_names_the_likeliest_emotion(
    page: Page, exported: Path, recordings: Path, tmp_path: Path
) -> None:
    facts = {"single_label": "true", "thresholds": [1.1, 1.1]}
    take_model(page, changed(exported / "emotions.onnx", tmp_path / "single.onnx", **facts))
    for *_, anger, sadness, named in heard(page, recordings / "long.wav"):
        assert named == ("anger" if float(anger) > float(sadness) else "sadness")


def test_the_page_listens_to_the_microphone(page: Page, emotions: Path, spoken: Path) -> None:
    page.locator("#listen").click()
    expect(page.locator("#status")).to_contain_text("Listening.")
    expect(page.locator("tbody tr").nth(9)).to_be_attached()
    page.locator("#listen").click()
    expect(page.locator("#status")).to_contain_text("Heard")
    found = np.array([[float(cell) for cell in row[2:4]] for row in rows_of(page) if row[-1] != "silence"])
    # It begins anywhere in the recording, which is heard again and again.
    twice = np.tile(sf.read(spoken, dtype="float32")[0], 2)
    cuts = [twice[start : start + RATE // 2] for start in range(0, len(twice) // 2, RATE // 50)]
    expected = predict_frame(emotions, cuts, RATE, timeline=True, gate="none")[["anger", "sadness"]].to_numpy()
    distances = np.abs(found[:, None] - expected[None]).max(axis=2).min(axis=1)  # of the nearest cut
    assert np.median(distances) < 0.02 and np.ptp(found, axis=0).max() > 0.5 * np.ptp(expected, axis=0).max()


@pytest.mark.parametrize(
    ("facts", "told"), [({"output": "embeddings"}, "embeddings"), ({"emoclr": ""}, "no file of predict export")]
)
def test_a_file_that_gives_no_emotions_is_refused(
    page: Page, exported: Path, tmp_path: Path, facts: dict[str, object], told: str
) -> None:
    page.set_input_files("#model", changed(exported / "emotions.onnx", tmp_path / "other.onnx", **facts))
    expect(page.locator("#status.bad")).to_contain_text("other.onnx: it ")
    expect(page.locator("#status.bad")).to_contain_text(told)
    expect(page.locator("#recording")).to_be_enabled()


def test_files_of_other_kinds_are_refused_by_name(page: Page, exported: Path, recordings: Path, tmp_path: Path) -> None:
    page.set_input_files("#recording", recordings / "notes.txt")
    expect(page.locator("#status.bad")).to_contain_text("notes.txt")
    page.set_input_files("#model", recordings / "notes.txt")
    expect(page.locator("#status.bad")).to_contain_text("notes.txt")
    (tmp_path / "half.onnx").write_bytes((exported / "emotions.onnx").read_bytes()[:100_000])
    page.set_input_files("#model", tmp_path / "half.onnx")
    expect(page.locator("#status.bad")).to_contain_text("half.onnx")


def test_neither_the_page_nor_its_worker_reaches_another_server(page: Page) -> None:
    asked: list[str] = []

    class Other(Quiet):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Other) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        words = "(url) => fetch(url, { mode: 'no-cors' }).then(() => 'left', () => 'stayed')"
        (worker,) = page.workers
        assert worker.evaluate(words, f"http://127.0.0.1:{server.server_port}/") == "stayed" and asked == []
        server.shutdown()


def called(page: Page, function: str, *words: Any) -> Any:
    """Returns what a function of windows.js gives; arrays are float32."""
    code = "([name, words]) => import('/windows.js').then((all) => Array.from(all[name](...words)))"
    return page.evaluate(code, [function, list(words)])


def test_windows_are_cut_and_filled_and_channels_mixed_as_in_python(page: Page) -> None:
    for samples in (1, 5, 8, 9, 15, 16, 17):
        assert called(page, "windowStarts", samples, 8, 3) == window_starts(samples, 8, 3).tolist()
        wave = np.arange(1, samples + 1, dtype=np.float32)
        for short in ("zero", "repeat", "reflect"):
            assert called(page, "filled", wave.tolist(), 8, short) == fix_length(wave, 8, short).tolist()
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 64)).astype(np.float32)
    for pair in ([one, other], [one, -one], [one, 0 * one], [0.3 * one, one], [0 * one, 0 * one], [one, -0.4 * one]):
        block = np.stack(pair, axis=1)
        products = block.T.astype(np.float64) @ block
        found = Channels(products.diagonal(), float(products.sum()) / 4, float(np.abs(block).max()))
        for choice in ("auto", "mean", "loudest", 2):
            expected = choose_mix(found, choice)(block)
            np.testing.assert_allclose(called(page, "mono", block.T.tolist(), str(choice)), expected, atol=1e-6)


def test_node_says_what_the_consumer_in_python_says(folder: Path, exported: Path, recordings: Path) -> None:
    words = [exported / "emotions.onnx", recordings / "long.wav"]
    node = subprocess.run(
        ["node", folder / "emotions_from_onnx.mjs", *words], capture_output=True, text=True, check=True
    )
    python = [sys.executable, EXAMPLES / "emotions_from_onnx.py", *words]
    expected = subprocess.run(python, capture_output=True, text=True, check=True)
    found, told = (list(csv.reader(done.stdout.splitlines())) for done in (node, expected))
    assert [row[-1] for row in found] == [row[-1] for row in told] and found[0] == told[0]
    np.testing.assert_allclose(*(np.array(rows[1:])[:, :-1].astype(float) for rows in (found, told)), atol=1e-3)


def test_node_says_how_to_convert_a_recording(folder: Path, exported: Path, tmp_path: Path) -> None:
    sf.write(tmp_path / "high.wav", np.zeros(44_100), 44_100)
    words = ["node", folder / "emotions_from_onnx.mjs", exported / "emotions.onnx", tmp_path / "high.wav"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "ffmpeg" in done.stderr


def test_the_version_of_the_runtime_is_exact() -> None:
    versions = json.loads((EXAMPLES / "browser/package.json").read_text())["dependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in versions.values())
