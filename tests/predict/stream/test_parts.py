"""Recordings part by part on a Ray cluster: the rows of one machine, whatever becomes of the workers."""

import os
import pickle
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import emoclr.corpus.index.audio_files
import emoclr.corpus.parallel.engines
import emoclr.predict.stream.parts
from emoclr.corpus.parallel.engines import RayEngine
from emoclr.predict.output.out_path import errors_path, part_path
from emoclr.predict.stream.parts import Part, Unheard

Run = Callable[..., Any]


class LosingEngine(RayEngine):
    """Works here as a cluster does, and loses a worker after each result; over `b.wav` every one."""

    parts: list[Part]

    def __init__(self, address: str | None = None) -> None:
        type(self).parts = []

    def stream(
        self,
        work: Callable[[Any, Sequence[Any]], Iterator[tuple[Any, Sequence[Any]]]],
        batches: Iterable[Sequence[Any]],
        lost: Callable[[Any, str], Any],
        loaded: Any,
        ahead: int,
    ) -> Iterator[Any]:
        loaded = pickle.loads(pickle.dumps(loaded))
        for part in batches:
            self.parts.append(part)
            while part:
                if part[0].path.name == "b.wav" and part[0].windows:
                    yield lost(part[0], "two workers were lost")
                    break
                result, part = next(work(loaded, part))
                yield result


@pytest.fixture
def losing(monkeypatch: pytest.MonkeyPatch, small_batches: None) -> type[LosingEngine]:
    """Parts of two recordings, of which each batch of two windows is a result."""
    monkeypatch.setattr(emoclr.corpus.parallel.engines, "RayEngine", LosingEngine)
    monkeypatch.setattr(emoclr.predict.stream.parts, "_PART_FILES", 2)
    monkeypatch.setattr(emoclr.predict.stream.parts, "_BATCHES_AT_ONCE", 1)
    return LosingEngine


@pytest.mark.parametrize(
    "words",
    [
        ["--out", "{}.csv"],
        ["--out", "{}.jsonl", "--timeline"],
        ["--out", "{}.parquet", "--segments", "--channels", "separate"],
        ["--out", "{}", "--format", "vtt"],
        ["--out", "{}.csv", "--speaker", "folder"],
    ],
)
def test_every_form_is_that_of_one_machine(
    run: Run, emotions: Path, recordings: Path, tmp_path: Path, losing: type[LosingEngine], words: list[str]
) -> None:
    for engine in ("local", "ray"):
        options = [word.format(tmp_path / engine) for word in words]
        assert run("--from", emotions, recordings, "--gate", "none", *options, "--engine", engine).code == 0
    assert len(losing.parts) == 3
    written = {str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    of_one_machine = {name: content for name, content in written.items() if name.startswith("local")}
    assert len(of_one_machine) >= 2
    for name, content in of_one_machine.items():
        assert written[name.replace("local", "ray")] == content, name


def test_a_stopped_run_goes_on_with_either_engine(
    run: Run, emotions: Path, recordings: Path, tmp_path: Path, losing: type[LosingEngine], monkeypatch: Any
) -> None:
    words = ["--from", emotions, recordings, "--gate", "none", "--timeline"]
    assert run(*words, "--out", tmp_path / "whole.csv").code == 0
    known, out = losing.stream, tmp_path / "out.csv"

    def stopped(self: LosingEngine, *arguments: Any) -> Iterator[Any]:
        for count, result in enumerate(known(self, *arguments)):
            if count == 2:
                raise KeyboardInterrupt
            yield result

    for _ in range(2):
        monkeypatch.setattr(losing, "stream", stopped)
        ended = run(*words, "--out", out, "--engine", "ray")
        assert ended.code == 130 and part_path(out).exists()
    assert "going on after" in ended.told
    assert run(*words, "--out", out).code == 0
    assert out.read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_a_recording_that_costs_every_worker_breaks_off_or_is_unreadable_alone(
    run: Run,
    emotions: Path,
    write_noise: Callable[..., Path],
    tmp_path: Path,
    losing: type[LosingEngine],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(emoclr.predict.stream.parts, "_PART_FILES", 1)
    for name in ("a.wav", "b.wav", "c.wav"):
        write_noise(tmp_path / "in" / name, 2.0, loud=True, dull=False, seed=1)
    out = tmp_path / "out.csv"
    words = ["--from", emotions, tmp_path / "in", "--gate", "none", "--timeline", "--out", out, "--engine", "ray"]
    assert run(*words).code == 0
    # Windows of 0.5 s, 0.3 s apart: six of 2 s, and the first batch of two.
    rows = [line.split(",")[0].rpartition("/")[2] for line in out.read_text().splitlines()[1:]]
    assert [rows.count(name) for name in ("a.wav", "b.wav", "c.wav")] == [6, 2, 6]
    assert errors_path(out).read_text().splitlines()[1:] == [
        f"{tmp_path / 'in/b.wav'},breaks off after 0.80 s: two workers were lost,partial"
    ]
    unheard = Unheard(1, tmp_path / "in/b.wav", "auto")
    monkeypatch.setattr(losing, "stream", lambda self, work, parts, lost, *rest: iter([lost(unheard, "lost")]))
    run(*words)
    assert f"{tmp_path / 'in/b.wav'},lost,unreadable" in errors_path(out).read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-", "--engine", "ray"], "--engine ray: "),
        (["{}", "--page", "x.html", "--engine", "ray"], "--page: "),
        (["{}", "--embeddings", "x.npz", "--engine", "ray"], "--engine: "),
        (["{}", "--embeddings", "x.npz", "--ray-address", "a:1"], "--ray-address: "),
        (["{}", "--ray-address", "a:1"], "--ray-address "),
    ],
)
def test_what_a_cluster_does_not_do_is_refused_before_anything_starts(
    run: Run, emotions: Path, recordings: Path, losing: type[LosingEngine], words: list[str], said: str
) -> None:
    ended = run("--from", emotions, *[word.format(recordings) for word in words])
    assert (ended.code, ended.told.count("\n")) == (2, 1)
    assert ended.told.startswith(f"error: {said}")


def test_without_ray_it_names_what_brings_it(
    run: Run, emotions: Path, recordings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    ended = run("--from", emotions, recordings, "--engine", "ray")
    assert ended.code == 2 and "[cluster]" in ended.told and ended.told.count("\n") == 1


def test_a_killed_worker_costs_no_row(
    run: Run, emotions: Path, recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Ray's own cluster on this machine, with one worker, which is killed over the second of three parts."""
    ray = pytest.importorskip("ray", reason="Ray is not installed: the extra 'cluster' brings it")
    find, here = emoclr.corpus.index.audio_files.find_audio, os.getpid()
    killed = tmp_path / "killed"

    class Deadly(type(Path())):  # type: ignore[misc]
        """A file over which the first worker that looks at it is killed."""

        def stat(self, **how: Any) -> os.stat_result:
            if os.getpid() != here and not killed.exists():
                killed.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return super().stat(**how)

    def found(sources: Sequence[Path]) -> list[Path]:
        return [Deadly(path) if path.name == "exact.wav" else path for path in find(sources)]

    words = ["--from", emotions, recordings, "--timeline", "--gate", "none"]
    monkeypatch.setattr(emoclr.predict.stream.parts, "_PART_FILES", 2)
    assert run(*words, "--out", tmp_path / "local.csv").code == 0
    monkeypatch.setattr(emoclr.corpus.index.audio_files, "find_audio", found)
    monkeypatch.setenv("HOME", str(tmp_path))  # Ray leaves the cluster's password there
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    try:
        assert run(*words, "--out", tmp_path / "ray.csv", "--engine", "ray").code == 0
    finally:
        ray.shutdown()
    assert killed.exists()
    assert (tmp_path / "ray.csv").read_bytes() == (tmp_path / "local.csv").read_bytes()
    errors = [errors_path(tmp_path / f"{engine}.csv").read_text() for engine in ("ray", "local")]
    assert errors[0] == errors[1] and "broken.mp3" in errors[0]
