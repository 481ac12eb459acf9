"""Released folders, and a hub of our own: what `huggingface_hub` asks for, answered on this machine from memory."""

import base64
import hashlib
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import huggingface_hub.constants as hub_constants
import numpy as np
import pytest

import emoclr.checkpoints
from emoclr.checkpoints.cards.settings import ReleaseSettings
from emoclr.checkpoints.run import release
from emoclr.configs.files import write_yaml
from emoclr.evaluate.report.report import Report
from emoclr.evaluate.report.writers.report_json import report_json
from emoclr.finetune.model.folders import TRAINED, VALIDATED
from emoclr.finetune.settings import FinetuneSettings
from emoclr.finetune.training.resume import RunCard as FinetuneRunCard
from emoclr.pretrain.encoder import folders
from emoclr.pretrain.encoder.encoder import Normalisation
from emoclr.pretrain.resume.heard_clips import write_fingerprints
from emoclr.pretrain.resume.run_card import RunCard
from emoclr.pretrain.settings import PretrainSettings

MakeReport = Callable[..., Report]


class Hub(ThreadingHTTPServer):
    """Repositories by name, their commits by digest, and the files of each.

    Attributes:
        commits: files by commit, in the order in which they came, by repository.
        asked: the requests.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.commits: dict[str, dict[str, dict[str, bytes]]] = {}
        self.asked: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def commit(self, repository: str, files: dict[str, bytes]) -> str:
        """Adds files to those of a repository, and returns the commit."""
        commits = self.commits.setdefault(repository, {})
        before = next(reversed(commits.values()), {})
        digest = hashlib.sha1(f"{repository}{len(commits)}".encode()).hexdigest()
        commits[digest] = {**before, **files}
        return digest


class Answers(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        words = self._words()
        if words == ["api", "repos", "create"]:
            asked = json.loads(body)
            name = "/".join(filter(None, (asked.get("organization"), asked["name"])))
            if not self.server.commits.get(name):
                self.server.commit(name, {".gitattributes": b""})
            self._json({"url": f"{self.server.url}/{name}"})
        elif words == ["api", "validate-yaml"]:
            self._json({"errors": [], "warnings": []})
        elif words[4:5] == ["preupload"]:
            files = [
                {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False, "oid": None}
                for file in json.loads(body)["files"]
            ]
            self._json({"files": files})
        elif words[4:5] == ["commit"]:
            lines = [json.loads(line) for line in body.splitlines()]
            files = {
                line["value"]["path"]: base64.b64decode(line["value"]["content"])
                for line in lines
                if line["key"] == "file"
            }
            name = "/".join(words[2:4])
            digest = self.server.commit(name, files)
            self._json({"success": True, "commitUrl": f"{self.server.url}/{name}/commit/{digest}", "commitOid": digest})
        else:
            self._json({"error": "no such thing"}, 404)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        words = self._words()
        api = words[:2] == ["api", "models"]
        name = "/".join(words[2:4] if api else words[:2])
        what = words[4:] if api else words[2:]
        commits = self.server.commits.get(name)
        if commits is None:
            self._json({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})
            return
        asked = what[1] if len(what) > 1 else "main"
        commit = next(reversed(commits)) if asked == "main" else asked
        if commit not in commits:
            self._json({"error": "no such revision"}, 404, {"X-Error-Code": "RevisionNotFound"})
            return
        files = commits[commit]
        if what[:1] == ["resolve"]:
            content = files["/".join(what[2:])]
            etag = hashlib.sha1(content).hexdigest()
            self._send(content, 200, {"ETag": f'"{etag}"', "X-Repo-Commit": commit})
        elif what[:1] == ["tree"]:
            self._json(
                [
                    {"type": "file", "path": path, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                    for path, content in files.items()
                ]
            )
        else:
            self._json(
                {
                    "id": name,
                    "sha": commit,
                    "siblings": [{"rfilename": path, "size": len(files[path])} for path in files],
                }
            )

    def _words(self) -> list[str]:
        self.server.asked.append(f"{self.command} {self.path}")
        return [unquote(word) for word in urlsplit(self.path).path.strip("/").split("/")]

    def _json(self, answer: object, code: int = 200, headers: dict[str, str] | None = None) -> None:
        self._send(json.dumps(answer).encode(), code, {"Content-Type": "application/json", **(headers or {})})

    def _send(self, content: bytes, code: int, headers: dict[str, str]) -> None:
        self.send_response(code)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that `huggingface_hub` takes for its own, with an empty cache of downloads."""
    with Hub() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        monkeypatch.setattr(hub_constants, "ENDPOINT", server.url)
        template = f"{server.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(hub_constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(hub_constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        monkeypatch.setattr(hub_constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
        monkeypatch.delenv("HF_TOKEN", raising=False)
        folders._from_hub.cache_clear()
        yield server
        folders._from_hub.cache_clear()
        server.shutdown()


CORPORA = [{"name": "made up", "licence": "CC0-1.0", "url": "https://example.org", "part": "all of it"}]
SAID: dict[str, Any] = {
    "licence": "apache-2.0",
    "description": "Networks that nobody trained.",
    "limits": "noise of two kinds",
    "languages": ["en"],
    "corpora": CORPORA,
    "not_for": ["people"],
}


@pytest.fixture(scope="session")
def runs(workspace: Path, make_report: MakeReport, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Finished runs of `pretrain` (my-run) and of `finetune` (my-emotions, with a report), and card.yaml."""
    folder = tmp_path_factory.mktemp("runs")
    shutil.copytree(workspace / "checkpoints", folder, dirs_exist_ok=True)
    pretrained = PretrainSettings(
        data=[folder / "recordings", folder / "votes.csv"],
        out=folder / "my-run",
        cache=folder / "decoded",
        backbones=["test_resnet"],
        workers=3,
    )
    made = {"corpus_fingerprint": "made", "commit": "0123abc"}
    run = RunCard(settings=pretrained, clips=3, hours=1.0, set_aside=0, normalisation=Normalisation(), **made)
    write_yaml(folder / "my-run/run.yaml", run.model_dump(mode="json"))
    for name in ("my-run", "my-emotions"):
        write_fingerprints(folder / name / "test_resnet", np.arange(3, dtype=np.uint64))
    for learned in (TRAINED, VALIDATED):
        write_fingerprints(folder / "my-emotions/test_resnet", np.arange(3, dtype=np.uint64), learned)
    (folder / "my-run/test_resnet/resume.ckpt").write_bytes(b"optimizer and projection head")
    tuned = FinetuneRunCard(
        settings=FinetuneSettings(cache=folder / "decoded"),
        labels_sha256="",
        sources={"test_resnet": "scratch"},
        **made,
    )
    write_yaml(folder / "my-emotions/run.yaml", tuned.model_dump(mode="json"))
    (folder / "my-emotions/test_resnet/answers.safetensors").write_bytes(b"of every clip")
    report = report_json(
        replace(make_report(), command=f"finetune --from {folder / 'my-run'} --data {folder}/votes.csv")
    )
    report["ensemble"] = {"differences": {"mean − best": {"macro_auroc": {"value": 0.0123, "ci95": [0.004, 0.021]}}}}
    report["mistakes"] = {"model": "ensemble", "players": False, "clips": [{"path": "secret.wav"}]}
    (folder / "my-emotions/report").mkdir()
    (folder / "my-emotions/report/report.json").write_text(json.dumps(report))
    write_yaml(folder / "card.yaml", SAID)
    return folder


@pytest.fixture(scope="session")
def released(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both runs as they are released: emoclr-small and emoclr-small-emotions."""
    home = tmp_path_factory.mktemp("released")
    said = ReleaseSettings.model_validate(SAID)
    release([runs / "my-run"], home / "emoclr-small", said)
    release([runs / "my-emotions"], home / "emoclr-small-emotions", said)
    return home


@pytest.fixture
def installed(released: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Both, as if they had come with the package."""
    monkeypatch.setattr(emoclr.checkpoints.__spec__, "submodule_search_locations", [str(released)])
    return released
