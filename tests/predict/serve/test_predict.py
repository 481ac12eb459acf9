"""`POST /predict`: the rows of the command, as JSON or CSV, by the document that describes them."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from emoclr.predict.cli import main

from .conftest import Served

WORDS = {"recording": [], "window": ["--timeline"], "segment": ["--segments"]}


@pytest.fixture
def command(
    workspace: Path, voice: bytes, call: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., str]:
    """Returns command(ending, *words) -> the table that the command writes of the recording."""

    def run(ending: str, *words: str) -> str:
        monkeypatch.chdir(tmp_path)
        Path("Anna, loud.wav").write_bytes(voice)
        source = ["--from", workspace / "checkpoints/my-emotions"]
        assert call(main, [*source, "Anna, loud.wav", "--out", f"out{ending}", *words], tmp_path).code == 0
        return Path(f"out{ending}").read_text()

    return run


@pytest.mark.parametrize("rows", ["recording", "window", "segment"])
@pytest.mark.parametrize("more", [{}, {"gate": "none"}, {"channels": "separate"}], ids=["", "gate", "channels"])
def test_rows_are_those_of_the_command(
    served: Served, voice: bytes, command: Callable[..., str], rows: str, more: dict[str, str]
) -> None:
    words = [*WORDS[rows], *(f"--{name}={value}" for name, value in more.items())]
    query = "&".join(f"{name}={value}" for name, value in {"rows": rows, **more}.items())
    as_csv = served.send(voice, "Anna, loud.wav", f"/predict?{query}&format=csv")
    assert as_csv.status == 200 and as_csv.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert as_csv.body.decode() == command(".csv", *words)
    assert len(list(csv.reader(io.StringIO(as_csv.body.decode())))) > 1
    as_json = served.send(voice, "Anna, loud.wav", f"/predict?{query}").json["rows"]
    assert as_json == [json.loads(line) for line in command(".jsonl", *words).splitlines()]


def test_answers_are_as_the_document_says(served: Served, voice: bytes) -> None:
    document = served.get("/openapi.json").json
    schemas = document["components"]["schemas"]
    parameters = {each["name"]: each["schema"] for each in document["paths"]["/predict"]["post"]["parameters"]}
    for rows in parameters["rows"]["enum"]:
        for channels in parameters["channels"]["enum"]:
            answer = served.send(voice, path=f"/predict?rows={rows}&channels={channels}").json
            jsonschema.validate(answer, schemas["Answer"])
            assert answer["rows"]
    refused = served.send(b"no sound")
    jsonschema.validate(refused.json, schemas["Error"])
    assert str(refused.status) in document["paths"]["/predict"]["post"]["responses"]
    assert served.get("/health").json["status"] == "ok"


def test_what_is_odd_of_a_recording_is_told(served: Served) -> None:
    from .conftest import wav

    answer = served.send(wav(seconds=1.0)).json
    assert [remark["status"] for remark in answer["remarks"]] == ["silent"]
    assert answer["rows"][0]["voice"] == 0 and answer["rows"][0]["anger"] is None


@pytest.mark.parametrize(
    ("query", "named"),
    [("row=window", "rows"), ("rows=all", "segment"), ("format=xml", "csv"), ("rows=window&gate=", "gate")],
)
def test_an_option_that_is_none_is_named(served: Served, voice: bytes, query: str, named: str) -> None:
    refused = served.send(voice, path=f"/predict?{query}")
    assert refused.status == 400 and named in refused.error
