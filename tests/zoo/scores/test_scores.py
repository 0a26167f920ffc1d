"""Training-free scores against plain loops, on a tiny network."""

import copy
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import zoo
from zoo.scores import BASELINES, SCORES, chosen
from zoo.scores.batch import Batch, data_batch, random_batch
from zoo.scores.scoring import Setting, score, score_cell

SMALL = {"channels": 4, "layers": 3}


def tiny():
    """Two ReLUs, a batch-norm and a bias, in float64 for accurate finite differences."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return nn.Sequential(
            nn.Conv2d(2, 3, 3, padding=1, bias=False), nn.BatchNorm2d(3), nn.ReLU(),
            nn.Conv2d(3, 4, 3, stride=2, bias=False), nn.ReLU(),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)).double()


def batch():
    found = random_batch(6, (2, 5, 5), 3, seed=5)
    return Batch(found.images.double(), torch.tensor([0, 0, 0, 1, 1, 2]), 3)


def value_of(name, network=None, images=None, seed=0):
    return score(network or tiny(), images or batch(), [name], seed)[name]


# --- plain versions -----------------------------------------------------------------------------


def layers(network):
    return [module for module in network if isinstance(module, (nn.Conv2d, nn.Linear))]


def loss_of(network, given):
    return F.cross_entropy(network(given.images), given.labels).item()


def slopes(function, values, step=1e-6):
    """The derivatives of `function()` with respect to `values`, by central differences."""
    flat = values.data.view(-1)
    found = np.empty(len(flat))
    for index in range(len(flat)):
        kept = flat[index].item()
        flat[index] = kept + step
        above = function()
        flat[index] = kept - step
        found[index] = (above - function()) / (2 * step)
        flat[index] = kept
    return found


def weight_slopes(network, given):
    """(weights, slopes of the loss) of every layer."""
    with torch.no_grad():
        return [(layer.weight.numpy().ravel().copy(),
                 slopes(lambda: loss_of(network, given), layer.weight))
                for layer in layers(network)]


def snip(network, given):
    return sum(abs(w * g) for ws, gs in weight_slopes(network, given) for w, g in zip(ws, gs))


def plain(network, given):
    return sum(w * g for ws, gs in weight_slopes(network, given) for w, g in zip(ws, gs))


def grad_norm(network, given):
    return sum(math.sqrt(sum(g * g for g in gs)) for _, gs in weight_slopes(network, given))


def l2_norm(network, given):
    return sum(math.sqrt(sum(w * w for w in layer.weight.flatten().tolist()))
               for layer in layers(network))


def grasp(network, given):
    """Hg by finite differences of the gradient along g."""
    weights = [layer.weight for layer in layers(network)]
    first = [slope for _, slope in weight_slopes(network, given)]
    origin = [weight.detach().clone() for weight in weights]
    step, moved = 1e-4, []
    for sign in (1, -1):
        for weight, kept, slope in zip(weights, origin, first):
            weight.data = kept + sign * step * torch.from_numpy(slope).view_as(kept)
        moved.append([slope for _, slope in weight_slopes(network, given)])
    return -sum((kept.numpy().ravel() * (above - below) / (2 * step)).sum()
                for kept, above, below in zip(origin, *moved))


def fisher(network, given):
    """The slope with respect to an activation is that of a number added to it."""
    total, x = 0.0, given.images
    for number, layer in enumerate(network):
        with torch.no_grad():
            x = layer(x)
        if not isinstance(layer, (nn.Conv2d, nn.Linear)):
            continue
        rest = network[number + 1:]
        with torch.no_grad():
            values = x.clone(memory_format=torch.contiguous_format)
            gradient = slopes(lambda rest=rest, values=values: F.cross_entropy(
                rest(values), given.labels).item(), values).reshape(values.shape)
            products = (values.numpy() * gradient).reshape(len(values), values.shape[1], -1)
        for channel in range(products.shape[1]):
            total += 0.5 * np.mean([products[n, channel].sum() ** 2 for n in range(len(values))])
    return total


def pixel_slopes(network, given):
    with torch.no_grad():
        images = given.images.clone(memory_format=torch.contiguous_format)
        found = slopes(lambda: network(images).sum().item(), images)
    return found.reshape(len(images), -1)


def jacov(network, given):
    values = np.linalg.eigvalsh(np.corrcoef(pixel_slopes(network, given)))
    return -sum(math.log(max(v, 0) + 1e-5) + 1 / (max(v, 0) + 1e-5) for v in values)


def epe_nas(network, given):
    found, total = pixel_slopes(network, given), 0.0
    for label in range(given.classes):
        rows = [row for row, known in zip(found, given.labels.tolist()) if known == label]
        total += abs(sum(math.log(abs(np.corrcoef(one, other)[0, 1]) + 1e-5)
                         for one in rows for other in rows))
    return total


def codes(network, given):
    """The active ReLUs of every image."""
    found = [[] for _ in given.images]
    with torch.no_grad():
        x = given.images
        for layer in network:
            if isinstance(layer, nn.ReLU):
                for image, code in zip(x, found):
                    code += [value > 0 for value in image.flatten().tolist()]
            x = layer(x)
    return found


def nwot(network, given):
    found = codes(network, given)
    kernel = [[sum(a == b for a, b in zip(one, other)) for other in found] for one in found]
    return math.log(abs(np.linalg.det(np.array(kernel, float))))


def swap(network, given):
    return len(set(zip(*codes(network, given))))


def synflow(network, given):
    chain = nn.Sequential(*(layer for layer in copy.deepcopy(network)
                            if not isinstance(layer, nn.BatchNorm2d)))
    with torch.no_grad():
        for value in chain.parameters():
            value.abs_()
        ones = torch.ones(1, *given.image_shape, dtype=torch.float64)
        return math.log(sum(float((layer.weight.numpy().ravel() * slopes(
            lambda: chain(ones).sum().item(), layer.weight, step=1e-3)).sum())
            for layer in layers(chain)))


def zen(network, given):
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for layer in layers(network):
            layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator))
    x = torch.randn(given.images.shape, generator=generator).double()
    y = x + 0.01 * torch.randn(given.images.shape, generator=generator).double()
    scale = 0.0
    with torch.no_grad():
        for layer in network[:5]:  # before the pooling
            if isinstance(layer, nn.BatchNorm2d):
                scale += 0.5 * math.log(np.mean([x[:, c].numpy().var() for c in range(3)]))
            x, y = layer(x), layer(y)
        distances = [math.sqrt(((a - b) ** 2).sum().item()) for a, b in zip(x, y)]
    return math.log(sum(distances) / len(distances)) + scale


def params(network, given):
    return sum(value.numel() for value in network.parameters()) / 1e6


def flops(network, given):
    return (9 * 2 * 3 * 25 + 9 * 3 * 4 * 4 + 4 * 3) / 1e6


@pytest.mark.parametrize("name", SCORES)
def test_a_score_matches_its_equation(name):
    assert value_of(name) == pytest.approx(globals()[name](tiny(), batch()), rel=1e-4)


# --- what holds of every score ------------------------------------------------------------------


@pytest.mark.parametrize("name", SCORES)
def test_scoring_does_not_change_the_network_or_the_generators(name):
    network = zoo.create_model("DARTS", **SMALL, auxiliary=True, drop_path=0.3).eval()
    before = copy.deepcopy(network.state_dict())
    state = torch.random.get_rng_state()
    first = value_of(name, network, random_batch(6))
    assert not network.training and network.auxiliary_head is not None
    assert network.cells[0].drop_path.probability == 0.3
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert all(value.grad is None for value in network.parameters())
    assert torch.equal(torch.random.get_rng_state(), state)
    assert value_of(name, network, random_batch(6)) == first and math.isfinite(first)


@pytest.mark.parametrize("name", SCORES)
def test_a_score_depends_only_on_the_inputs_of_its_entry(name):
    network, given = tiny(), batch()
    other = Batch(random_batch(6, (2, 5, 5), seed=9).images.double(), given.labels, 3)
    relabeled = Batch(given.images, torch.tensor([1, 2, 1, 0, 0, 1]), 3)
    same = [value_of(name, network, one) == value_of(name, network, given)
            for one in (other, relabeled)]
    assert same == {"shapes": [True, True], "weights": [True, True], "images": [False, True],
                    "labels": [False, False]}[SCORES[name].reads]


#: Without a path from its input, behind a pooling of zeros, and a chain of batch-norm biases.
DEAD = ["|none~0|+|none~0|none~1|+|none~0|none~1|none~2|",
        "|avg_pool_3x3~0|+|none~0|none~1|+|none~0|none~1|avg_pool_3x3~2|",
        "|none~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|nor_conv_1x1~2|"]


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize("cell", DEAD)
def test_a_cell_that_ignores_its_input_has_a_score(cell, name):
    setting = Setting(**SMALL, batch=lambda seed: random_batch(6, (3, 8, 8), 3, seed))
    found = score_cell(zoo.parse(cell), setting, [name]).values[name]
    assert not math.isnan(found) and found < math.inf
    if name in ("jacov", "epe_nas"):  # no gradient to correlate
        assert found == -math.inf


@pytest.mark.parametrize("cell", ["DARTS_V2", "NASNet_A", "FOUND_1"])
def test_baselines_match_the_cost_module(cell):
    from zoo.models.cost import cost

    found = score_cell(zoo.genotype(cell), Setting(**SMALL), BASELINES).values
    network = zoo.create_model(cell, **SMALL, num_classes=10)
    known = cost(network, (3, 32, 32))
    assert found == {"params": known.parameters / 1e6, "flops": known.multiply_adds / 1e6}
    assert known.parameters == sum(value.numel() for value in network.parameters())


def test_synflow_does_not_depend_on_the_batch_size():
    genotype = zoo.genotype("DARTS")
    found = {size: score_cell(genotype, Setting(
        **SMALL, batch=lambda seed, size=size: random_batch(size, seed=seed)), ["synflow"]).values
        for size in (2, 7)}
    assert found[2] == found[7]


def test_scores_are_reproducible_means_over_seeds():
    genotype = zoo.genotype("DARTS")

    def values(**seeds):
        return score_cell(genotype, Setting(**SMALL, **seeds), ["nwot", "grad_norm"]).values

    one, two, both = values(seed=4), values(seed=5), values(seed=4, seeds=2)
    assert one == values(seed=4) != two
    for name in both:
        assert both[name] == pytest.approx((one[name] + two[name]) / 2)


def test_a_batch_of_data_is_sampled_without_replacement_and_normalized():
    from zoo.data.images import load

    digits = load("digits")
    drawn = data_batch(digits, 500, seed=1)
    assert drawn.images.shape == (500, 1, 8, 8) and drawn.classes == 10
    assert abs(drawn.images.mean()) < 0.05 and abs(drawn.images.std() - 1) < 0.05
    assert len({image.numpy().tobytes() for image in drawn.images}) > 490
    with pytest.raises(ValueError, match="fewer than a batch of 100,000; use a smaller"):
        data_batch(digits, 100_000)


def test_names_of_scores():
    assert chosen(None) == list(BASELINES)
    assert chosen(["all"]) == list(SCORES)
    with pytest.raises(ValueError, match="unknown score 'nwott'; did you mean nwot"):
        chosen(["nwott"])


def test_a_recurrent_cell_is_refused():
    with pytest.raises(ValueError, match="a recurrent cell has no image network"):
        score_cell(zoo.genotype("ENAS_RNN"), Setting(), ["params"])
