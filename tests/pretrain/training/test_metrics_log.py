import math
import resource

import pandas as pd
import pytest

from emoclr.configs.errors import EmoclrError
from emoclr.pretrain.training.metrics_log import RECENT, RowLog, read_rows

ROWS = [{"step": 10.0 * n, "loss": 1 / (n + 3), "rate": math.inf if n == 2 else 1e-9 * n} for n in range(1, RECENT + 5)]


@pytest.fixture
def log(tmp_path):
    log = RowLog(tmp_path / "metrics.csv")
    for row in ROWS:
        log.append(row)
    return log


def test_rows_read_the_same_by_pandas_and_by_us(log):
    expected = pd.DataFrame(ROWS)
    pd.testing.assert_frame_equal(pd.read_csv(log.path).astype(float), expected, rtol=1e-5)
    pd.testing.assert_frame_equal(pd.DataFrame(read_rows(log.path)), expected, rtol=1e-5)
    assert list(log.recent) == ROWS[-RECENT:]


def test_a_row_is_added_to_the_file_that_is_there(log):
    inode, before = log.path.stat().st_ino, log.path.read_text()
    log.append({"step": 1_234_567, "loss": 0.5, "rate": 2.0})
    assert log.path.stat().st_ino == inode
    assert log.path.read_text() == before + "1234567,0.5,2\n"


def test_steps_beyond_a_million_keep_their_digits(tmp_path):
    log = RowLog(tmp_path / "metrics.csv")
    for step in (1_234_567, 1_234_568):
        log.append({"step": step})
    log.take_over(1_234_567)
    assert [row["step"] for row in read_rows(log.path)] == [1_234_567]


def test_a_run_that_goes_on_drops_rows_behind_its_checkpoint_and_a_row_that_is_half_written(log):
    with log.path.open("a") as file:
        file.write("180,0.2")
    assert len(read_rows(log.path)) == len(ROWS)
    later = RowLog(log.path)
    later.take_over(50)
    assert [row["step"] for row in later.recent] == [10, 20, 30, 40, 50]
    later.append({"step": 60, "loss": 0.125, "rate": 0})
    assert pd.read_csv(log.path)["step"].tolist() == [10, 20, 30, 40, 50, 60]


def test_another_run_begins_the_file_anew(log):
    RowLog(log.path).append({"step": 1, "loss": 9})
    assert log.path.read_text() == "step,loss\n1,9\n"


def test_a_new_column_is_nan_in_the_rows_before_and_one_that_lacks_is_nan_too(log):
    log.append({"step": 999, "loss": 0.5, "rate": 1, "probe": 0.75})
    log.append({"step": 1009, "loss": 0.5})
    found = pd.read_csv(log.path)
    assert len(found) == len(ROWS) + 2
    assert found["probe"].isna().tolist() == [True] * len(ROWS) + [False, True]


@pytest.mark.parametrize("damage", ["emptied", "deleted", "header gone", "bytes", "short row", "long row"])
def test_a_file_that_somebody_has_damaged_is_read_as_far_as_it_goes_and_written_on(log, damage):
    lines = log.path.read_text().splitlines(keepends=True)
    content = {
        "emptied": b"",
        "header gone": "".join(lines[1:]).encode(),
        "bytes": "".join(lines[:-2]).encode() + b"\0\xff\n" + lines[-1].encode(),
        "short row": "".join([*lines[:-2], "7\n", lines[-1]]).encode(),
        "long row": "".join([*lines[:-2], "7,7,7,7,7\n", lines[-1]]).encode(),
    }
    if damage == "deleted":
        log.path.unlink()
    else:
        log.path.write_bytes(content[damage])
    intact = damage not in ("emptied", "deleted", "header gone")
    assert len(read_rows(log.path)) == (len(ROWS) - 1 if intact else 0)
    for step in (999, 1009):
        log.append({"step": step, "loss": 0.5, "rate": 1})
    found = pd.read_csv(log.path)
    assert found["step"].tolist()[-3:] == [ROWS[-1]["step"], 999, 1009]
    assert len(found) == (len(ROWS) + 1 if intact else RECENT + 2)
    later = RowLog(log.path)
    later.take_over(1e9)
    assert len(later.recent) == RECENT


def test_a_full_disk_names_the_table(log):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (log.path.stat().st_size, limits[1]))
    try:
        with pytest.raises(EmoclrError, match=r"metrics\.csv: cannot be written: File too large"):
            log.append(ROWS[0])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert len(read_rows(log.path)) == len(ROWS)
