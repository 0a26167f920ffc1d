"""The moving average of weights equals its formula, tensor by tensor."""

import torch
from torch import nn

from zoo.training.ema import ModelEMA


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(64, 2))


def train_a_step(model: nn.Module) -> None:
    model(torch.randn(5, 3, 6, 6)).square().mean().backward()
    with torch.no_grad():
        for value in model.parameters():
            value -= 0.1 * value.grad
            value.grad = None


def test_each_value_follows_the_formula_and_statistics_too():
    model = network()
    average = ModelEMA(model, 0.7)
    wanted = {name: value.double() for name, value in model.state_dict().items()}
    for step in range(1, 31):  # (1 + 18) / (10 + 18) is the first above 0.67
        train_a_step(model)
        average.update()
        keep = min(0.7, (1 + step) / (10 + step))
        for name, value in model.state_dict().items():
            wanted[name] = keep * wanted[name] + (1 - keep) * value.double()
    found = average.model.state_dict()
    assert found["1.num_batches_tracked"] == 30  # a count, not averaged
    wanted.pop("1.num_batches_tracked")
    for name, value in wanted.items():
        torch.testing.assert_close(found[name].double(), value, atol=1e-6, rtol=1e-5)
    assert not torch.allclose(found["1.running_mean"], model[1].running_mean)


def test_moved_weights_are_followed():
    """cuDNN moves an LSTM's parameters to its own memory during training."""
    model = network()
    average = ModelEMA(model, 0.9)
    weight = model[0].weight
    with torch.no_grad():
        weight.set_(weight.detach() + 1)
    before = average.model[0].weight.clone()
    average.update()
    keep = 2 / 11
    torch.testing.assert_close(average.model[0].weight, before + (1 - keep))


def test_the_average_is_evaluated_not_trained():
    average = ModelEMA(network(), 0.9)
    assert not average.model.training
    assert not any(value.requires_grad for value in average.model.parameters())


def test_it_resumes_from_a_state():
    model = network()
    first = ModelEMA(model, 0.9)
    for _ in range(3):
        train_a_step(model)
        first.update()
    state = {"steps": first.state_dict()["steps"],
             "model": {name: value.clone() for name, value in
                       first.state_dict()["model"].items()}}
    second = ModelEMA(model, 0.9)
    second.load_state_dict(state)
    train_a_step(model)
    first.update()
    second.update()
    for name, value in first.model.state_dict().items():
        assert torch.equal(value, second.model.state_dict()[name]), name
