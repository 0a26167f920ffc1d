"""A captured step equals the step itself."""

from __future__ import annotations

import pytest
import torch

from zoo.create import create_model
from zoo.system.cuda_graph import CapturedStep

GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


def test_without_a_gpu_the_function_is_called_directly():
    seen = []
    step = CapturedStep(lambda x, y: (seen.append(x) or x + y,), torch.device("cpu"))
    x = torch.arange(3.0)
    (total,) = step(x, x, constants=0.1)
    assert total.tolist() == [0, 2, 4] and seen == [x]


def _train(captured: bool, drop_path: float = 0.0) -> list[float]:
    """Losses of a few steps, with a smaller last batch per epoch and changing rates."""
    device = torch.device("cuda")
    torch.manual_seed(0)
    # float64, so that another order of summation does not look like another training.
    model = create_model("DARTS_V2", channels=4, layers=3).double().to(
        device, memory_format=torch.channels_last)
    rate = torch.tensor(0.05, device=device, dtype=torch.float64)
    optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9, fused=True)

    def learn(images, labels):
        optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        return (loss.detach(),)

    step = CapturedStep(learn, device) if captured else lambda *x, constants: learn(*x)
    losses = []
    for epoch in range(3):
        model.set_drop_path(drop_path * epoch)
        for size in [8] * 6 + [4]:
            rate.fill_(0.05 / (1 + len(losses)))
            images = torch.randn(size, 3, 16, 16, device=device, dtype=torch.float64)
            labels = torch.arange(size, device=device)
            losses.append(step(images, labels, constants=epoch)[0].item())
    return losses


@GPU
def test_a_replayed_training_equals_an_eager_one():
    assert _train(True) == pytest.approx(_train(False), rel=1e-6)


@GPU
def test_each_replay_draws_new_random_numbers():
    device = torch.device("cuda")
    step = CapturedStep(lambda x: (torch.rand_like(x),), device)
    drawn = [step(torch.zeros(4, device=device))[0].tolist() for _ in range(8)]
    assert len(set(map(tuple, drawn))) == 8


@GPU
def test_replays_follow_a_rising_drop_path():
    losses = _train(True, drop_path=0.3)
    assert all(loss == loss for loss in losses)
    assert losses[:7] == pytest.approx(_train(False)[:7], rel=1e-6)
