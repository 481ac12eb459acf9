import numpy as np
import pytest
import soundfile as sf
import torch

from emoclr.configs.errors import EmoclrError
from emoclr.pretrain.training.collapse import CollapseAlarm, has_collapsed
from emoclr.pretrain.training.contrastive_metrics import effective_rank, embedding_std


def on_the_sphere(n, d, seed=0):
    return torch.nn.functional.normalize(torch.randn(n, d, generator=torch.Generator().manual_seed(seed)), dim=1)


def test_projections_that_fill_the_sphere_look_healthy():
    projections = 7 * on_the_sphere(4_000, 16)
    assert embedding_std(projections).item() == pytest.approx(1, abs=0.02)
    assert effective_rank(projections).item() == pytest.approx(16, abs=0.1)
    assert not has_collapsed({"embedding_std": 1.0, "effective_rank": 16.0})
    two_clips = torch.eye(16)[:2]
    assert effective_rank(two_clips).item() == pytest.approx(2)
    assert not has_collapsed({"embedding_std": 1.0, "effective_rank": 1.999})


def test_a_point_and_a_line_look_collapsed():
    point = torch.ones(200, 16) + 1e-3 * torch.randn(200, 16, generator=torch.Generator().manual_seed(0))
    line = torch.linspace(-1, 1, 200)[:, None] * torch.ones(16)
    assert embedding_std(point).item() < 0.01
    assert effective_rank(line).item() == pytest.approx(1, abs=1e-6)
    assert has_collapsed({"embedding_std": 0.01, "effective_rank": 16.0})
    assert has_collapsed({"embedding_std": 0.01}) and not has_collapsed({"embedding_std": 0.9})
    assert has_collapsed({"embedding_std": 1.0, "effective_rank": 1.0})


def row(step, spread=0.01, rank=1.1):
    return {"step": step, "embedding_std": spread, "effective_rank": rank}


@pytest.mark.parametrize(
    ("rows", "alarmed"),
    [
        ([row(11), row(12), row(13)], True),
        ([row(1), row(2), row(13)], False),
        ([row(11), row(12)], False),
        ([row(11), row(12, spread=0.8, rank=20), row(13)], False),
        ([row(step, spread=0.8, rank=20) for step in range(11, 20)], False),
    ],
)
def test_the_alarm_waits_for_the_warmup_and_for_three_records(rows, alarmed, capsys):
    alarm = CollapseAlarm("net", 10, stop=False, rows=lambda: rows)
    for _ in range(3):
        alarm.on_train_batch_end(None, None, None, None, 0)
    told = capsys.readouterr().err
    assert told.count("net: the embeddings have collapsed by step 13") == int(alarmed)
    assert ("lower learning_rate" in told) == alarmed


def test_a_run_that_collapses_is_warned_of_or_stopped_and_a_healthy_one_is_quiet(run, tmp_path):
    # The same sound in all clips, with a little more silence behind it each time: there is nothing to tell apart.
    tone = np.sin(2 * np.pi * 220 * np.arange(6_000) / 16_000)
    for copy in range(24):
        sf.write(tmp_path / f"{copy}.wav", np.append(0.3 * tone, np.zeros(copy)), 16_000)
    collapsing = (
        f"data={tmp_path}",
        "epochs=4",
        "augment.transforms=[]",
        "augment.masks={time_masks: 0, frequency_masks: 0}",
    )
    ran = run(tmp_path / "warned", *collapsing)
    assert ran.code == 0 and ran.told.count("warning: test_resnet: the embeddings have collapsed by step ") == 1
    stopped = run(tmp_path / "stopped", *collapsing, "stop_on_collapse=true")
    assert stopped.code == 1 and "error: test_resnet: the embeddings have collapsed" in stopped.told
    healthy = run(tmp_path / "healthy", "epochs=4")
    assert healthy.code == 0 and "collapsed" not in healthy.told


def test_stopping_is_an_error_that_keeps_the_checkpoint():
    alarm = CollapseAlarm("net", 10, stop=True, rows=lambda: [row(11), row(12), row(13)])
    with pytest.raises(EmoclrError, match="Stopped, since stop_on_collapse is set; the last checkpoint is kept"):
        alarm.on_train_batch_end(None, None, None, None, 0)
