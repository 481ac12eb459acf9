"""A recording and a microphone as the page gets them: what is heard grows, and in the end is what the command says."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import emoclr.predict.serve.page.growing_page
import emoclr.pretrain.encoder.streamed_windows
from emoclr.predict.cli import main
from emoclr.predict.serve.limits import Limits

from .conftest import RATE, Serve, Served, form, wav


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page grows with every two windows."""
    monkeypatch.setattr(emoclr.predict.serve.page.growing_page, "MIN_EVERY_S", 0.0)
    monkeypatch.setattr(emoclr.predict.serve.page.growing_page, "_WORK_FOR_ONE", 0)
    monkeypatch.setitem(emoclr.pretrain.encoder.streamed_windows.BATCH_WINDOWS, "cpu", 2)


def lines_of(served: Served, path: str, body: bytes | None = None, **headers: str) -> Iterator[dict[str, Any]]:
    """Yields the lines of an answer as they come."""
    with closing(HTTPConnection("127.0.0.1", served.server.port, timeout=60)) as connection:
        connection.request("POST", path, body, {name.replace("_", "-"): text for name, text in headers.items()})
        reply = connection.getresponse()
        assert reply.status == 200 and reply.headers["Content-Type"] == "application/x-ndjson"
        for line in reply:
            yield json.loads(line)


def sent(served: Served, content: bytes, name: str) -> list[dict[str, Any]]:
    body, kind = form(content, name)
    return list(lines_of(served, "/page", body, Content_Type=kind))


def files_of(lines: list[dict[str, Any]]) -> dict[str, str]:
    return {file["name"]: file["text"] for line in lines for file in line.get("files", [])}


def test_the_page_grows_until_all_is_heard(served: Served, voice: bytes) -> None:
    lines = sent(served, voice, "<i>Anna.wav")
    grown = [line for line in lines if "section" in line]
    heard = [line["heard_s"] for line in grown]
    assert len(heard) > 2 and heard == sorted(set(heard)) and heard[-1] < 10
    assert {line["of_s"] for line in grown} == {10.0}
    assert all("&lt;i&gt;Anna.wav" in line["section"] and "<i>Anna" not in line["section"] for line in grown)
    drawn = [json.loads(line["section"].split('class="data">')[1].split("</script>")[0]) for line in grown]
    assert all(data["duration_s"] == 10 for data in drawn)
    page = "".join(line.get("page", "") for line in lines)
    assert (
        page.startswith("<!doctype html>") and page.count('class="sound">') == 1 and page.rstrip().endswith("</html>")
    )
    assert lines[-1] == {"done": True} and served.kept() == []


def test_what_can_be_taken_along_is_what_the_command_writes(
    served: Served,
    voice: bytes,
    workspace: Path,
    call: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("anna.wav").write_bytes(voice)
    lines = sent(served, voice, "anna.wav")
    files = files_of(lines)
    outs = {
        "anna.csv": [],
        "anna.segments.csv": ["--segments"],
        "anna.timeline.csv": ["--timeline"],
        **{f"anna.{ending}": [] for ending in ("rttm", "TextGrid", "vtt", "txt")},
    }
    assert set(files) == set(outs)
    source = ["--from", workspace / "checkpoints/my-emotions", "anna.wav"]
    for name, words in outs.items():
        assert call(main, [*source, "--out", f"out/{name}", *words], tmp_path).code == 0
        assert files[name] == (tmp_path / "out" / name).read_text()
    assert call(main, [*source, "--page", "out/anna.html", "--page-audio", "embed"], tmp_path).code == 0
    assert "".join(line.get("page", "") for line in lines) == (tmp_path / "out/anna.html").read_text()


def test_what_cannot_be_heard_says_why(served: Served) -> None:
    assert "cannot be read" in sent(served, b"no sound", "a.wav")[-1]["error"]
    assert served.kept() == []


def test_what_is_too_long_says_so(serve: Serve) -> None:
    with serve(Limits(max_s=5.0)) as running:
        assert "0:05.0" in sent(running, wav(6.0), "a.wav")[-1]["error"]
        assert running.kept() == []


def test_a_microphone_is_heard_as_it_comes_and_all_of_it(served: Served) -> None:
    spoken = (8000 * np.random.default_rng(0).standard_normal(4 * RATE)).clip(-32768, 32767).astype("<i2")
    answer = lines_of(served, f"/page/microphone?rate={RATE}&gate=none")
    key = next(answer)["microphone"]
    half = spoken[: 2 * RATE].tobytes()
    assert served.ask("POST", f"/page/microphone/{key}", half).json == {"more": True}
    first = next(answer)
    assert 0.5 <= first["heard_s"] <= 2.0 and "section" in first
    served.ask("POST", f"/page/microphone/{key}?end=1", spoken[2 * RATE :].tobytes())
    lines = list(answer)
    assert lines[-1] == {"done": True}
    table = files_of(lines)["microphone.csv"].splitlines()
    assert table[1].startswith("microphone,0.000,4.000,")
    assert served.ask("POST", f"/page/microphone/{key}", half).status == 404
    assert served.kept() == []


def test_a_microphone_ends_where_it_is_silent_or_full(serve: Serve) -> None:
    with serve(Limits(silent_s=0.5, max_s=3.0)) as running:
        for chunk_s, length in ((1.0, "1.000"), (5.0, "3.000")):
            answer = lines_of(running, f"/page/microphone?rate={RATE}")
            key = next(answer)["microphone"]
            more = running.ask("POST", f"/page/microphone/{key}", bytes(round(chunk_s * RATE) * 2)).json["more"]
            assert more == (chunk_s < 3)
            assert f"microphone,0.000,{length}," in files_of(list(answer))["microphone.csv"]


def test_a_microphone_whose_page_is_closed_makes_room_for_the_next(served: Served) -> None:
    for _ in range(2):
        answer = lines_of(served, f"/page/microphone?rate={RATE}")
        key = next(answer)["microphone"]
        writer = threading.Thread(
            target=lambda key=key: [served.ask("POST", f"/page/microphone/{key}", bytes(1 << 19)) for _ in range(3)]
        )
        writer.start()
        answer.close()  # type: ignore[attr-defined]
        writer.join()
        served.wait_until(lambda key=key: served.ask("POST", f"/page/microphone/{key}", b"").status == 404)
    assert served.kept() == []


@pytest.mark.parametrize("query", ["", "rate=1", "rate=x", "rate=16000&gate=x", "rate=999999999999"])
def test_a_microphone_that_is_none_is_refused(served: Served, query: str) -> None:
    assert served.ask("POST", f"/page/microphone?{query}").status == 400
