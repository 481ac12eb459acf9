import numpy as np
import pytest
import torch

from emoclr.pretrain.objectives.supervised import supervised_contrast


def projections(batch=6, size=5):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, batch, size, generator=generator, dtype=torch.float64).unbind()


def by_loops(first, second, weight_of, temperature):
    """Khosla et al. 2020, equation 2, with a weight for each pair."""
    views = [view / np.linalg.norm(view) for view in np.concatenate([first, second])]
    clips = [*range(len(first))] * 2
    losses = []
    for i, view in enumerate(views):
        others = [j for j in range(len(views)) if j != i]
        total = np.log(sum(np.exp(view @ views[j] / temperature) for j in others))
        weights = [weight_of(clips[i], clips[j]) for j in others]
        if sum(weights) > 0:
            terms = [w * (view @ views[j] / temperature - total) for w, j in zip(weights, others, strict=True)]
            losses.append(-sum(terms) / sum(weights))
    return np.mean(losses)


def test_with_single_labels_it_is_the_supervised_contrast_of_khosla():
    first, second = projections()
    emotion = [0, 1, 0, 2, 1, 0]
    found = supervised_contrast(first, second, torch.eye(3)[emotion], 0.2)
    expected = by_loops(first.numpy(), second.numpy(), lambda a, b: float(emotion[a] == emotion[b]), 0.2)
    assert found.item() == pytest.approx(expected, rel=1e-6)


def test_with_several_emotions_pairs_weigh_as_much_as_they_share():
    first, second = projections()
    labels = torch.rand(6, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    labels[2] = 0
    unit = labels.numpy() / np.maximum(np.linalg.norm(labels.numpy(), axis=1, keepdims=True), 1e-12)
    found = supervised_contrast(first, second, labels, 0.5)
    assert found.item() == pytest.approx(
        by_loops(first.numpy(), second.numpy(), lambda a, b: float(unit[a] @ unit[b]), 0.5), rel=1e-6
    )


def test_clips_without_labels_are_as_if_they_were_not_there():
    first, second = projections()
    labels = torch.eye(2)[[0, 1, 0, 1, 0, 1]]
    some = labels.clone()
    some[3:] = torch.nan
    alone = supervised_contrast(first[:3], second[:3], labels[:3], 0.2)
    assert supervised_contrast(first, second, some, 0.2).item() == pytest.approx(alone.item(), rel=1e-12)


@pytest.mark.parametrize("labels", [torch.full((6, 2), torch.nan), torch.zeros(6, 2)])
def test_nothing_to_pull_together_is_no_loss_and_gives_finite_gradients(labels):
    first, second = (side.requires_grad_() for side in projections())
    loss = supervised_contrast(first, second, labels, 0.2)
    (loss + first.sum()).backward()
    assert loss.item() == 0 and torch.isfinite(first.grad).all()


def test_gradients_are_finite_and_pull_the_same_emotion_together():
    first, second = (side.requires_grad_() for side in projections())
    labels = torch.eye(2)[[0, 1, 0, 1, 0, 1]]
    before = supervised_contrast(first, second, labels, 0.2)
    before.backward()
    with torch.no_grad():
        after = supervised_contrast(first - 0.1 * first.grad, second - 0.1 * second.grad, labels, 0.2)
    assert torch.isfinite(first.grad).all() and after < before


def test_a_joint_run_learns_other_weights_and_goes_on_to_the_same(run, finished, corpus, tmp_path):
    from emoclr.pretrain.encoder.checkpoint import WEIGHTS

    names = sorted(path for path in corpus.parent.rglob("*.wav") if path.stat().st_size > 1_000)
    path = tmp_path / "labels.csv"
    path.write_text("path,joy,anger\n" + "".join(f"{name},{i % 2},{1 - i % 2}\n" for i, name in enumerate(names)))
    ran = run(tmp_path / "run", f"supervised={path}")
    assert ran.code == 0 and "clips carry labels" in ran.told
    weights = [(out / "test_resnet" / WEIGHTS).read_bytes() for out in (ran.out, finished.out)]
    assert weights[0] != weights[1]
