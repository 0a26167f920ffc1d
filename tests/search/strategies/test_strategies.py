"""Strategies that train every candidate: their proposals and learning, on toy rewards."""

import io
import random
import statistics

import pytest
import torch

from search.candidates.base import Result
from search.spaces.controller import Controller, IndependentController
from search.spaces.hierarchical import HierarchicalSpace
from search.spaces.nasbench201 import NasBench201Space
from search.spaces.space import ConvSpace, RecurrentSpace
from search.strategies import evolution, hierarchical, reinforce
from search.strategies.bananas import Bananas, BananasSettings
from search.strategies.evolution import Evolution, EvolutionSettings
from search.strategies.hierarchical import Hierarchical, HierarchicalSettings
from search.strategies.local_search import LocalSearch, LocalSearchSettings
from search.strategies.random import Random
from search.strategies.reinforce import Reinforce, ReinforceSettings
from search.strategies.sampled import SampleSettings
from search.strategies.training_free import TrainingFree, TrainingFreeSettings
from search.strategies.warm_start import best_scoring, rank_sums
from zoo.genotypes.serialization import from_dict


class Toy:
    """An evaluator that scores a network by the share of its edges with the `favorite`."""

    unit, cost, measured = "images", 10, None

    def __init__(self, favorite="sep_conv_3x3", measure="valid_accuracy", diverging=()):
        self.favorite, self.measure, self.diverging = favorite, measure, diverging
        self.tasks, self.scorer = [], self

    def evaluate(self, tasks, report=None):
        self.tasks += tasks
        return [Result(self.measure, self.value(task), 1000, self.cost) for task in tasks]

    def scores(self, genotype, names, seed):
        """The number of favorite edges in each cell as two scores, and 0 as a third."""
        counts = [sum(operation == self.favorite for operation, _ in cell.edges)
                  for cell in genotype.cells().values()]
        return dict(zip(names, [*counts, 0]))

    def value(self, task):
        if task.number in self.diverging:
            return None
        edges = [edge for cell in task.genotype.cells().values() for edge in cell.edges]
        share = sum(operation == self.favorite for operation, _ in edges) / len(edges)
        return share if self.measure == "valid_accuracy" else 100 - 90 * share


def edges_of(genotype: dict) -> list:
    """The edges of each cell."""
    return [cell.edges for cell in from_dict(genotype).cells().values()]


def run(strategy, last=None, first=1):
    return [strategy.epoch(number) for number in range(first, (last or strategy.epochs) + 1)]


MAKE = {
    "random": lambda toy, seed=0: Random(ConvSpace(), toy, SampleSettings(22, 4), seed),
    "evolution": lambda toy, seed=0: Evolution(
        ConvSpace(), toy, EvolutionSettings(22, 4, population=6, sample=3), seed),
    "training-free": lambda toy, seed=0: TrainingFree(
        ConvSpace(), toy, TrainingFreeSettings(22, 4, scored=60, scores="nwot,snip"), seed),
    "warm evolution": lambda toy, seed=0: Evolution(
        ConvSpace(), toy, EvolutionSettings(22, 4, population=6, sample=3,
                                            warm_start="training-free", scored=30), seed),
    "reinforce": lambda toy, seed=0: Reinforce(
        ConvSpace(), toy, ReinforceSettings(22, 4, hidden=8, learning_rate=0.1), seed),
    "independent": lambda toy, seed=0: Reinforce(
        NasBench201Space(), toy, ReinforceSettings(
            22, 4, controller="independent", learning_rate=0.1), seed),
    "local-search": lambda toy, seed=0: LocalSearch(
        ConvSpace(nodes=2), toy, LocalSearchSettings(22, 4, initial=4), seed),
    "steepest": lambda toy, seed=0: LocalSearch(
        NasBench201Space(nodes=1), toy, LocalSearchSettings(22, 4, greedy=False), seed),
    "bananas": lambda toy, seed=0: Bananas(
        ConvSpace(), toy, BananasSettings(22, 4, initial=6, trees=5), seed),
    "hierarchical": lambda toy, seed=0: Hierarchical(
        HierarchicalSpace(mutations=20), toy, HierarchicalSettings(22, 4, population=6), seed),
}
every_strategy = pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)


# --- all strategies -------------------------------------------------------------------------


@every_strategy
def test_rows_hold_the_candidates_and_the_best(make):
    toy = Toy()
    strategy = make(toy)
    rows = run(strategy)
    assert strategy.epochs == len(rows) == 6  # 22 candidates in waves of 4
    tried = [candidate for row in rows for candidate in row["candidates"]]
    assert [candidate["number"] for candidate in tried] == list(range(22))
    assert [row["cost"] for row in rows] == [{"images": n} for n in (40, 80, 120, 160, 200, 220)]
    for number, row in enumerate(rows, start=1):
        known = [c for earlier in rows[:number] for c in earlier["candidates"]]
        best = max(known, key=lambda candidate: candidate["valid_accuracy"])
        assert row["epoch"] == number and row["warnings"] == []
        assert row["valid_accuracy"] == best["valid_accuracy"]
        assert row["genotype"] == best["genotype"]
        assert sum(count.get(toy.favorite, 0) for count in row["operations"].values()) == (
            pytest.approx(row["valid_accuracy"] * sum(map(len, edges_of(row["genotype"])))))
    assert strategy.genotype() == from_dict(rows[-1]["genotype"])
    assert len({task.seed for task in toy.tasks}) == 22


@every_strategy
def test_seeds_agree_and_differ(make):
    first, again, other = (run(make(Toy(), seed)) for seed in (1, 1, 2))
    assert first == again != other


@every_strategy
def test_a_resumed_run_ends_like_an_uninterrupted_one(make):
    whole = run(make(Toy()))
    stopped = make(Toy())
    rows = run(stopped, last=3)
    file = io.BytesIO()
    torch.save(stopped.state_dict(), file)
    stopped.epoch(4)  # killed during the next epoch, which is repeated
    file.seek(0)
    resumed = make(Toy())
    resumed.load_state_dict(torch.load(file, weights_only=True))
    assert resumed.genotype() == from_dict(rows[-1]["genotype"])
    assert rows + run(resumed, first=4) == whole


@every_strategy
def test_diverged_candidates_are_reported_and_count_as_the_worst(make):
    rows = run(make(Toy(diverging=(0, 9))))
    assert rows[0]["candidates"][0]["valid_accuracy"] == 0
    assert [row["warnings"] for row in rows[:3]] == [
        ["the training of candidate 0 diverged; it counts as the worst"], [],
        ["the training of candidate 9 diverged; it counts as the worst"]]


def test_perplexity_is_better_when_it_is_smaller():
    toy = Toy("tanh", "valid_perplexity", diverging=(1,))
    rows = run(Evolution(RecurrentSpace(), toy, EvolutionSettings(40, 4, population=8, sample=4)))
    tried = [c["valid_perplexity"] for row in rows for c in row["candidates"]]
    assert tried[1] is None
    assert rows[-1]["valid_perplexity"] == min(value for value in tried if value is not None)
    assert rows[-1]["valid_perplexity"] < rows[0]["valid_perplexity"]
    assert set(rows[0]["skip_connections"]) == {"recurrent"}


def test_there_is_no_genotype_before_the_first_epoch():
    with pytest.raises(ValueError, match="no candidate"):
        MAKE["random"](Toy()).genotype()


# --- settings -------------------------------------------------------------------------------


def test_a_budget_is_spent_on_whole_candidates():
    strategy = Random(ConvSpace(), Toy(), SampleSettings(4, 4), budget=99)
    assert strategy.settings.candidates == 9 and strategy.epochs == 3
    assert run(strategy)[-1]["cost"] == {"images": 90}
    with pytest.raises(ValueError, match="9 images pays for no candidate; the smallest that works "
                                         "is --budget 10"):
        Random(ConvSpace(), Toy(), SampleSettings(4, 4), budget=9)
    with pytest.raises(ValueError, match="pays for 9 candidates, and a run needs 12"):
        Evolution(ConvSpace(), Toy(), evolution.PRESETS["quick"], budget=99)


@pytest.mark.parametrize("build, message", [
    (lambda: SampleSettings(0, 4), "candidates must be at least 1"),
    (lambda: SampleSettings(4, 0), "wave must be at least 1"),
    (lambda: EvolutionSettings(20, 8, population=4, sample=2), "wave of 8 is larger"),
    (lambda: ReinforceSettings(20, 4, updates=0), "updates must be at least 1"),
])
def test_settings_out_of_range(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_published_settings():
    paper = evolution.PRESETS["paper"]
    assert (paper.candidates, paper.population, paper.sample) == (20000, 100, 25)
    paper = reinforce.PRESETS["paper"]
    assert (paper.candidates, paper.hidden, paper.learning_rate) == (20000, 100, 0.00035)
    assert (paper.baseline, paper.entropy) == (0.95, 0.00001)
    paper = hierarchical.PRESETS["paper"]
    assert (paper.population, paper.share) == (200, 0.05) and HierarchicalSpace().mutations == 1000


# --- evolution ------------------------------------------------------------------------------


def test_the_oldest_die_and_parents_are_alive():
    toy = Toy()
    strategy = MAKE["evolution"](toy)
    rows = run(strategy)
    assert [candidate.number for candidate in strategy.population] == list(range(16, 22))
    tried = {c["number"]: c for row in rows for c in row["candidates"]}
    assert [number for number, c in tried.items() if c["parent"] is None] == list(range(6))
    for number in range(6, 22):
        child, parent = tried[number], tried[tried[number]["parent"]]
        wave_began = number // 4 * 4
        assert wave_began - 6 <= parent["number"] < wave_began  # alive when the wave began
        assert child["genotype"] != parent["genotype"]


def test_a_sample_of_the_whole_population_always_takes_the_best():
    settings = EvolutionSettings(40, 4, population=8, sample=400)
    strategy = Evolution(ConvSpace(), Toy(), settings)
    run(strategy, last=2)
    scores = {c.number: c.result.score for c in strategy.population}
    parents = [c["parent"] for c in strategy.epoch(3)["candidates"]]
    assert [scores[number] for number in parents] == [max(scores.values())] * 4


def best_of(make, seeds=6):
    return statistics.mean(run(make(Toy(), seed))[-1]["valid_accuracy"] for seed in range(seeds))


def test_evolution_beats_random_search():
    settings = EvolutionSettings(200, 5, population=20, sample=5)
    found = best_of(lambda toy, seed: Evolution(ConvSpace(), toy, settings, seed))
    by_chance = best_of(lambda toy, seed: Random(ConvSpace(), toy, SampleSettings(200, 5), seed))
    assert found > by_chance + 0.2


def test_a_hierarchical_population_grows_and_gets_better():
    settings = HierarchicalSettings(200, 5, population=20)
    toy = Toy("motif_3")
    strategy = Hierarchical(HierarchicalSpace(mutations=100), toy, settings)
    rows = run(strategy)
    assert len(strategy.population) == 200
    assert rows[-1]["valid_accuracy"] > 1.3 * rows[3]["valid_accuracy"]  # of the random ones
    assert len(strategy.contestants()) == 10
    strategy.population = strategy.population[:20]
    assert len(strategy.contestants()) == 2


# --- reinforcement --------------------------------------------------------------------------


def test_the_controller_learns_what_is_rewarded():
    settings = ReinforceSettings(400, 10, hidden=32, learning_rate=0.01, baseline=0.9)
    rows = run(Reinforce(ConvSpace(), Toy(), settings))
    means = [statistics.mean(c["valid_accuracy"] for c in row["candidates"]) for row in rows]
    assert statistics.mean(means[:5]) < 0.25  # one operation in seven, by chance
    assert statistics.mean(means[-5:]) > 0.5


def test_one_update_is_reinforce():
    settings = ReinforceSettings(8, 4, hidden=8, updates=1, entropy=0.3)
    strategy = Reinforce(ConvSpace(), Toy(), settings)
    strategy.epoch(1)
    base, controller = strategy.baseline, strategy.controller
    before = [parameter.detach().clone() for parameter in controller.parameters()]
    candidates = strategy.epoch(2)["candidates"]
    gradients = [parameter.grad for parameter in controller.parameters()]
    with torch.no_grad():
        for parameter, value in zip(controller.parameters(), before):
            parameter.copy_(value)
    log_probs, entropies = controller.log_prob(strategy.choices)
    rewards = torch.tensor([c["valid_accuracy"] for c in candidates])
    loss = -((rewards - base) * log_probs + 0.3 * entropies).mean()
    expected = torch.autograd.grad(loss, list(controller.parameters()))
    for gradient, value in zip(gradients, expected):
        assert torch.allclose(gradient, value, rtol=1e-4, atol=1e-7)


def test_log_probabilities_match_the_samples_and_cover_the_space():
    generator = torch.Generator().manual_seed(0)
    decisions = [2, 1, 3]
    controller = Controller(decisions, hidden=8, generator=generator).double()
    choices, log_probs, entropies = controller.sample(200, generator)
    assert choices.shape == (200, 3) and set(map(tuple, choices.tolist())) == {
        (a, 0, b) for a in range(2) for b in range(3)}
    rated, again = controller.log_prob(choices)
    assert torch.allclose(rated, log_probs) and torch.allclose(again, entropies)
    every = torch.tensor([[a, 0, b] for a in range(2) for b in range(3)])
    assert controller.log_prob(every)[0].exp().sum().item() == pytest.approx(1)


def test_temperature_and_tanh_keep_a_controller_undecided():
    def entropy(**settings):
        generator = torch.Generator().manual_seed(1)
        controller = Controller([7] * 4, hidden=8, generator=generator, **settings)
        for head in controller.heads:
            head.bias.data *= 200
        return controller.sample(50, generator)[2].mean().item()

    plain = entropy()
    assert plain < 0.5 * entropy(temperature=5.0)
    assert plain < 0.5 * entropy(temperature=5.0, tanh_constant=2.5)
    assert entropy(tanh_constant=0.1) == pytest.approx(4 * torch.tensor(7.0).log().item(), abs=0.1)


def test_the_random_state_is_plain_numbers():
    state = MAKE["random"](Toy()).state_dict()["random"]
    assert random.Random(0).getstate() == (state[0], tuple(state[1]), state[2])


# --- local search and bananas -----------------------------------------------------------------


def test_local_search_moves_only_to_better_neighbors_and_restarts_at_an_optimum():
    space, toy = NasBench201Space(nodes=2), Toy("nor_conv_3x3")
    strategy = LocalSearch(space, toy, LocalSearchSettings(60, 1), seed=1)
    tried, before = [], None
    for number in range(1, strategy.epochs + 1):
        trial, = strategy.wave(number)
        tried.append(trial)
        if trial.parent is not None:
            assert trial.genotype in space.neighbors(tried[trial.parent].genotype)
            assert trial.parent == before.number
        before = strategy.current or before
    assert tried[0].parent is None and len({trial.genotype for trial in tried}) == 60
    again = [trial for trial in tried[1:] if trial.parent is None]
    assert strategy.best.result.score == 1 and again
    first = again[0].number
    best = max(tried[:first], key=lambda trial: trial.result.score)
    # All neighbors of the optimum were tried, and none is better.
    around = {trial.genotype: trial.result.score for trial in tried[:first]}
    assert all(around[each] <= best.result.score for each in space.neighbors(best.genotype))


class Noisy(Toy):
    """An evaluator whose figures depend on the seed of the training only."""

    def value(self, task):
        return random.Random(task.seed).random()


@pytest.mark.parametrize("seed", range(5))
def test_the_steepest_local_search_moves_to_the_best_of_all_neighbors(seed):
    space = NasBench201Space(nodes=2)  # 12 neighbors, three waves
    strategy = LocalSearch(space, Noisy(), LocalSearchSettings(100, 4, greedy=False), seed)
    moves = 0
    for number in range(1, strategy.epochs + 1):
        before = strategy.current
        strategy.wave(number)
        if before and strategy.current and strategy.current is not before:
            moves += 1
            around = [strategy.tried[each] for each in space.neighbors(before.genotype)]
            assert strategy.current.result.score >= max(each.result.score for each in around)
    assert moves


class Ring:
    """Sixteen cells with two neighbors each, so that a search restarts often."""

    def __init__(self):
        space, draw = NasBench201Space(), random.Random(0)
        self.cells = [space.sample(draw) for _ in range(16)]

    def sample(self, rng):
        return rng.choice(self.cells)

    def neighbors(self, genotype):
        place = self.cells.index(genotype)
        return [self.cells[place - 1], self.cells[(place + 1) % len(self.cells)]]


@pytest.mark.parametrize("greedy", [True, False])
@pytest.mark.parametrize("seed", [0, 16, 26, 43])  # from 16 on, a repeated cell scores higher
def test_a_local_search_resumes_where_random_cells_repeat(seed, greedy):
    def make():
        return LocalSearch(Ring(), Noisy(), LocalSearchSettings(32, 4, greedy=greedy), seed)

    whole, resumed = make(), make()
    for number in range(1, whole.epochs + 1):
        whole.epoch(number)
        resumed.epoch(number)
        state, resumed = resumed.state_dict(), make()
        resumed.load_state_dict(state)
        assert resumed.state_dict() == whole.state_dict()


def test_bananas_tries_no_cell_twice_and_prefers_good_cells():
    toy = Toy("nor_conv_3x3")
    strategy = Bananas(NasBench201Space(), toy, BananasSettings(60, 5, initial=20, trees=10), 0)
    trials = [trial for number in range(1, 13) for trial in strategy.wave(number)]
    later = trials[20:]
    assert len({trial.genotype for trial in later}) == len(later)
    assert not {trial.genotype for trial in later} & {trial.genotype for trial in trials[:20]}
    assert statistics.fmean(t.result.score for t in later) > 0.2 + statistics.fmean(
        t.result.score for t in trials[:20])


@pytest.mark.parametrize("settings, kind", [
    ({"initial": 9}, LocalSearchSettings), ({"initial": 9}, BananasSettings)])
def test_more_initial_cells_than_candidates_are_refused(settings, kind):
    with pytest.raises(ValueError, match="8 candidates are fewer than the 9 initial cells"):
        kind(candidates=8, wave=1, **settings)


def test_an_unknown_controller_is_refused():
    with pytest.raises(ValueError, match="controller must be lstm or independent, not 'gru'"):
        ReinforceSettings(8, 4, controller="gru")


def test_the_independent_controller_samples_from_its_softmax():
    controller = IndependentController([2, 3], torch.Generator().manual_seed(0))
    with torch.no_grad():
        controller.logits.copy_(torch.tensor([[0.0, 1.0, 9.0], [1.0, 0.0, 2.0]]))
    choices, log_probs, entropies = controller.sample(4000, torch.Generator().manual_seed(1))
    expected = [torch.tensor([0.0, 1.0]).softmax(0), torch.tensor([1.0, 0.0, 2.0]).softmax(0)]
    for number, shares in enumerate(expected):
        seen = torch.bincount(choices[:, number], minlength=len(shares)) / 4000
        assert torch.allclose(seen, shares, atol=0.03)
    wanted = sum(shares.log()[choices[:, number]] for number, shares in enumerate(expected))
    assert torch.allclose(log_probs, wanted)
    assert torch.allclose(entropies, -sum((p * p.log()).sum() for p in expected).expand(4000))
    assert torch.equal(controller.log_prob(choices)[0], log_probs)


# --- training-free ----------------------------------------------------------------------------


class Counted(Toy):
    """An evaluator that records the scored cells."""

    def __init__(self):
        super().__init__()
        self.scored = []

    def scores(self, genotype, names, seed):
        self.scored.append((genotype, seed))
        return super().scores(genotype, names, seed)


def test_the_best_scoring_cells_are_the_best_of_all_scored_cells():
    toy = Counted()
    names = ["nwot", "snip"]
    found = best_scoring(ConvSpace(), toy, names, scored=80, count=10, seed=3)
    tried = [genotype for genotype, seed in toy.scored if seed == 3]
    assert len(found) == len(set(found)) == 10 and len(set(tried)) == len(tried) <= 80
    sums = dict(zip(tried, rank_sums([list(toy.scores(cell, names, 3).values())
                                      for cell in tried])))
    assert [sums[cell] for cell in found] == sorted(sums.values(), reverse=True)[:10]
    assert found == best_scoring(ConvSpace(), toy, names, scored=80, count=10, seed=3)
    assert found != best_scoring(ConvSpace(), toy, names, scored=80, count=10, seed=4)


def test_scores_find_better_cells_than_chance():
    def mean(cells):
        toy = Toy()
        return statistics.fmean(sum(toy.scores(cell, ["a", "b"], 0).values()) for cell in cells)

    rng = random.Random(0)
    chance = mean(ConvSpace().sample(rng) for _ in range(10))
    best = best_scoring(ConvSpace(), Toy(), ["a", "b"], 100, 10, 0)
    half = best_scoring(ConvSpace(), Toy(), ["a", "b"], 1, 1, 0)
    assert mean(best) > chance + 2.5 and len(half) == 1


def test_ties_share_ranks_and_nan_ranks_lowest():
    assert rank_sums([[1.0], [3.0], [1.0], [float("nan")]]) == [2.5, 4, 2.5, 1]
    assert rank_sums([[1, 30], [2, 20], [3, 10]]) == [4, 4, 4]


@pytest.mark.parametrize("make", [
    lambda **warm: Random(ConvSpace(), Counted(), SampleSettings(12, 4, **warm)),
    lambda **warm: Evolution(ConvSpace(), Counted(), EvolutionSettings(
        12, 4, population=8, sample=3, **warm)),
    lambda **warm: LocalSearch(ConvSpace(), Counted(), LocalSearchSettings(
        12, 4, initial=4, **warm)),
    lambda **warm: Bananas(ConvSpace(), Counted(), BananasSettings(12, 4, initial=8, **warm)),
])
def test_a_warm_start_provides_the_cells_before_the_first_update(make):
    warm = {"warm_start": "training-free", "scored": 30}
    strategy = make(**warm)
    run(strategy)
    count = strategy.settings.warm_cells
    assert count == max(strategy.settings.fewest, 4)
    expected = best_scoring(ConvSpace(), Toy(), ["nwot"], 30, count, 0)
    assert [task.genotype for task in strategy.evaluator.tasks[:count]] == expected
    assert not {task.genotype for task in strategy.evaluator.tasks[count:]} & set(expected[:1])
    cold = make()
    run(cold)
    assert cold.evaluator.scored == [] and cold.state_dict()["warm"] == []


def test_invalid_settings_of_a_warm_start():
    with pytest.raises(ValueError, match="warm_start must be none or training-free, not 'hot'"):
        SampleSettings(4, 4, warm_start="hot")
    with pytest.raises(ValueError, match="unknown score 'nwott'; did you mean nwot"):
        SampleSettings(4, 4, scores="nwott")
    with pytest.raises(ValueError, match="scores is empty"):
        SampleSettings(4, 4, scores=" , ")
    with pytest.raises(ValueError, match="3 scored cells are fewer than the 4 to train"):
        TrainingFreeSettings(4, 4, scored=3)
    with pytest.raises(ValueError, match="warm_start must be training-free"):
        TrainingFreeSettings(4, 4, warm_start="none")
    toy = Toy()
    toy.scorer = None
    with pytest.raises(ValueError, match="scores image networks only; leave --warm-start"):
        Random(ConvSpace(), toy, SampleSettings(4, 4, warm_start="training-free"))
