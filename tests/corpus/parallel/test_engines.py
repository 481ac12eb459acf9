import os
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

import emoclr.corpus.parallel.pool
from emoclr.configs.errors import ConfigError, EmoclrError
from emoclr.corpus.index.scan import scan
from emoclr.corpus.parallel.engines import LocalEngine, RayEngine, make_engine
from emoclr.corpus.tars.shards import write_shards

ray = pytest.importorskip("ray", reason="Ray is not installed: the extra 'cluster' brings it")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Ray's own cluster on this machine, with two workers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))  # Ray leaves the cluster's password there
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
        yield
        ray.shutdown()


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Twelve files, which go out in batches of four."""
    monkeypatch.setattr(emoclr.corpus.parallel.pool, "_BATCH_FILES", 4)
    paths = [tmp_path / f"{number:02}" for number in range(12)]
    for path in paths:
        path.touch()
    return paths


@pytest.fixture
def recordings(write_tone, tmp_path):
    for number in range(6):
        write_tone(f"in/{number}.flac", hz=200 + 50 * number, duration_s=0.2)
    (tmp_path / "in/broken.wav").write_bytes(b"no recording")
    return tmp_path / "in"


def lose(path: Path, reason: str) -> str:
    return f"{path.name} lost: {reason}"


def runs_of(paths):
    """How often each file was worked on."""
    return [path.stat().st_size for path in paths]


def test_a_cluster_that_nobody_answers_at_is_named_at_once(files, monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", lambda **_: pytest.fail("Ray would try for minutes"))
    for name in (address, f"ray://{address}"):
        with pytest.raises(EmoclrError, match=f"^Ray at {re.escape(name)}: cannot be reached"):
            list(RayEngine(name).run(len, files, Path, lose))


def test_a_lost_worker_costs_its_part_again_and_no_more(cluster, files):
    def work(path: Path) -> str:
        runs = path.stat().st_size
        with path.open("a") as file:
            file.write("x")
        if path.name == "05" and not runs:
            os.kill(os.getpid(), signal.SIGKILL)
        return path.name

    assert list(RayEngine().run(work, files, Path, lose)) == [path.name for path in files]
    assert runs_of(files) == [1, 1, 1, 1, 2, 2, 1, 1, 1, 1, 1, 1]


def test_a_file_over_which_every_worker_is_lost_is_given_up_alone(cluster, files):
    def work(path: Path) -> str:
        if path.name == "05":
            os.kill(os.getpid(), signal.SIGSEGV)
        return path.name

    names = [path.name for path in files]
    names[5] = "05 lost: two workers were lost over it: its decoder crashed, or did not finish"
    assert list(RayEngine().run(work, files, Path, lose)) == names


def test_what_is_left_of_a_batch_is_done_where_its_worker_is_lost(cluster, files):
    def work(loaded: str, batch: list[Path]) -> Iterator[tuple[str, list[Path]]]:
        for number, path in enumerate(batch):
            runs = path.stat().st_size
            with path.open("a") as file:
                file.write("x")
            if path.name == "05" and not runs:
                os.kill(os.getpid(), signal.SIGKILL)
            yield loaded + path.name, batch[number + 1 :]

    batches = [files[:3], files[3:]]
    found = RayEngine().stream(work, batches, lose, "of ", ahead=1)
    assert list(found) == [f"of {path.name}" for path in files]
    assert runs_of(files)[5:] == [2, 1, 1, 1, 1, 1, 1]


def test_an_error_in_the_work_is_raised_as_it_was(cluster, files):
    def work(path: Path) -> str:
        raise ConfigError(f"{path.name} is wrong")

    with pytest.raises(ConfigError, match=r"^00 is wrong$"):
        list(RayEngine().run(work, files, Path, lose))


def test_the_same_rows_and_the_same_tars_whichever_engine(cluster, recordings, tmp_path):
    for name, engine in (("local", LocalEngine()), ("ray", RayEngine())):
        (tmp_path / name).mkdir()
        scan([recordings], tmp_path / name / "index.csv", engine)
        write_shards([recordings], tmp_path / name, engine, "flac", 1)
    written = sorted(path.name for path in (tmp_path / "local").iterdir())
    assert written == ["corpus-000000.json", "corpus-000000.tar", "corpus-set-aside.txt", "index.csv"]
    for name in written:
        assert (tmp_path / "ray" / name).read_bytes() == (tmp_path / "local" / name).read_bytes()


def test_an_address_is_for_ray():
    assert isinstance(make_engine("local"), LocalEngine)
    with pytest.raises(ConfigError, match="--ray-address"):
        make_engine("local", "127.0.0.1:6379")
