"""Settings from files, single values and a run's own config.json; domains."""

import dataclasses
import json

import pytest
import torch
import yaml
from PIL import Image
from typer.testing import CliRunner

from search import build, tasks
from search.candidates.workers import one_per_device
from search.cli import app
from search.config import RunConfig, SearchOptions, plan
from search.strategies import STRATEGIES
from search.tasks.conv import ConvDomain
from tests.search.small_data import TINY, digits_folder, short_text
from zoo.system import distributed

pytestmark = pytest.mark.usefixtures("no_estimate")

SMALL = {"channels": 4, "layers": 3, "epochs": 1}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    digits_folder(folder / "images")
    short_text(folder / "text.txt")
    return folder


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("GENOTYPE_ZOO_DATA", str(tmp_path / "zoo"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def search(*words, code=0):
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == code, result.output + repr(result.exception)
    return result


def options(data, space, **others):
    source = ({"data": "text", "path": data / "text.txt"} if space == "recurrent"
              else {"data": "folder", "path": data / "images"})
    return SearchOptions(space=space, **source, preset="quick", device="cpu", **others)


def test_a_runs_own_config_repeats_the_run(here, data):
    search("run", "--data", "folder", "--path", data / "images", *TINY, "--epochs", 2, "--seed", 3,
           "--set", "weight_decay=1e-3", "--set", "alpha_betas=[0.4, 0.9]", "-o", "first")
    kept = json.loads((here / "first/config.json").read_text())
    assert kept["settings"]["weight_decay"] == 1e-3
    assert kept["settings"]["alpha_betas"] == [0.4, 0.9]
    search("run", "--config", here / "first/config.json", "-o", "second")
    assert json.loads((here / "second/config.json").read_text()) == kept
    for name in ("history.jsonl", "genotype.json"):
        assert (here / "second" / name).read_bytes() == (here / "first" / name).read_bytes()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_plans_the_same_run_again(strategy, data, here):
    for space in STRATEGIES[strategy].spaces:
        changes = {"epochs": 1, "batch_size": 8}
        first, _ = plan(options(data, space, strategy=strategy, seed=5, changes=changes))
        (here / "config.json").write_text(json.dumps(dataclasses.asdict(first)))
        again, _ = plan(SearchOptions().over_file(here / "config.json"))
        assert dataclasses.asdict(again) == dataclasses.asdict(first)
        assert RunConfig.read(json.loads((here / "config.json").read_text())).digest == first.digest


def test_options_override_single_values_and_these_a_file(data, here):
    (here / "a.yaml").write_text(yaml.safe_dump(
        {"strategy": "darts", "seed": 7, "channels": 8, "layers": 5, "epochs": 9, "momentum": 0.5,
         "device": "cpu", "data": "folder", "path": str(data / "images"), "preset": "quick"}))
    given = SearchOptions(seed=1, given={"layers": 4, "epochs": 2}, changes={"epochs": 3})
    planned, _ = plan(given.over_file(here / "a.yaml"))
    settings = planned.strategy_settings()
    assert (planned.seed, settings.channels, settings.layers, settings.epochs,
            settings.momentum) == (1, 8, 4, 3, 0.5)


def test_a_candidates_training_has_settings_of_its_own(data):
    """Both REINFORCE and the training of its candidates have a learning rate."""
    planned, _ = plan(options(
        data, "conv", strategy="reinforce", settings={"learning_rate": 0.5},
        training={"learning_rate": 0.25}, given={"label_smoothing": 0.1}))
    assert planned.settings["learning_rate"] == 0.5
    assert planned.training["learning_rate"] == 0.25
    assert planned.training["label_smoothing"] == 0.1


def test_a_run_from_before_a_setting_has_its_default_and_not_that_of_a_preset(data):
    config, _ = plan(dataclasses.replace(options(data, "nasbench201"), preset="paper"))
    assert config.settings.pop("nesterov") is True
    assert config.strategy_settings().nesterov is False


def test_setting_names_of_an_earlier_release_are_read(data, here):
    planned, _ = plan(options(data, "recurrent"))
    stored = dataclasses.asdict(planned)
    for old, new in (("time", "bptt"), ("slowness", "tar_weight"), ("activation", "ar_weight")):
        stored["settings"][old] = stored["settings"].pop(new)
    read = RunConfig.read(json.loads(json.dumps(stored)))
    assert read.strategy_settings() == planned.strategy_settings()


@pytest.mark.parametrize("text, message", [
    ("momentun: 0.5\n", "unknown setting 'momentun'; did you mean momentum? there are "),
    ("settings:\n  chanels: 3\n", "settings: unknown setting 'chanels'; did you mean channels?"),
    ("momentum: fast\n", "momentum is 'fast'; it must be a number"),
    ("momentum: 2\n", "momentum must be in [0, 1), not 2"),
    ("seed: [1]\n", "a.yaml: seed is [1]; it must be a whole number"),
    ("a: b: c\n", "a.yaml is not valid YAML in line 1"),
    ("- 1\n", "a.yaml holds no settings"),
    ("training:\n  epochs: 3\n", "trains no candidates from scratch"),
    ("data_sha256: abc\n", "folder is not the data that the settings' run used"),
])
def test_a_file_that_cannot_be_used_is_one_line(here, data, text, message):
    (here / "a.yaml").write_text(text)
    result = search("run", "--data", "folder", "--path", data / "images", "--preset", "quick",
                    "--config", "a.yaml", code=1)
    assert message in result.stderr and result.stderr.count("error: ") == 1
    assert not (here / "runs").exists()


def test_a_missing_file_and_a_value_without_a_name(here):
    assert "there is no file b.yaml" in search("run", "--config", "b.yaml", code=1).stderr
    assert "--set takes name=value, not 'x'" in search("run", "--set", "x", code=1).stderr


def test_options_override_a_runs_config(data, here):
    first, _ = plan(options(data, "conv", strategy="evolution"))
    kept = dataclasses.asdict(first)
    (here / "config.json").write_text(json.dumps(kept))

    def over(**said):
        return plan(SearchOptions(device="cpu", **said).over_file(here / "config.json"))[0]

    assert dataclasses.asdict(over()) == kept
    other = over(data="digits")
    assert other.path is None and other.data_sha256 != first.data_sha256
    assert other.training == first.training
    random = over(strategy="random")
    assert set(random.settings) != set(first.settings) and random.data_sha256 == first.data_sha256
    assert over(preset="paper").training["channels"] != first.training["channels"]
    assert over(seed=0).seed == 0 and over(seed=9).seed == 9


def test_a_users_file_may_have_settings_and_single_values(data, here):
    (here / "a.yaml").write_text("settings:\n  channels: 4\nepochs: 3\n")
    planned, _ = plan(options(data, "conv").over_file(here / "a.yaml"))
    assert (planned.settings["channels"], planned.settings["epochs"]) == (4, 3)


@pytest.mark.parametrize("space", ["conv", "recurrent"])
def test_candidates_are_trained_in_the_precision_that_the_run_keeps(space, data):
    for given, kept in (("bfloat16", "bfloat16"), (None, "float32")):
        planned, learned = plan(options(data, space, strategy="random", precision=given,
                                        changes={"batch_size": 4}))
        training = planned.domain.candidates(
            learned, planned.domain.read_recipe(planned.training), 0, "cpu")
        assert planned.precision == training.recipe.precision == kept


def test_the_seed_and_the_device_of_a_file_are_used(data, here):
    (here / "a.yaml").write_text("seed: 7\ndevice: cpu\n")
    said = options(data, "conv")
    said.device = None
    planned, _ = plan(said.over_file(here / "a.yaml"))
    assert (planned.seed, planned.device) == (7, "cpu")


def test_processes_use_the_device_of_the_file(data, here, monkeypatch):
    met = []

    def group(device):
        met.append(device)
        raise ValueError("they met")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)  # what auto would take
    monkeypatch.setattr(distributed, "group", group)
    (here / "a.yaml").write_text("device: cpu\n")
    result = search("run", "--data", "folder", "--path", data / "images", "--config", "a.yaml",
                    code=1)
    assert "they met" in result.stderr and met == [torch.device("cpu")]


def test_a_numbered_gpu_is_kept(data, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    said = options(data, "conv", strategy="random")
    said.device = "cuda:1"
    assert plan(said)[0].device == "cuda:1"
    assert (one_per_device("cuda:1"), one_per_device("cuda")) == (1, 2)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_an_unknown_data_set_is_refused_by_every_strategy(strategy, here):
    result = search("run", "--strategy", strategy, "--data", "cifr10", code=1)
    assert "did you mean cifar10" in result.stderr and result.stderr.count("error: ") == 1


@pytest.mark.parametrize("strategy", ["darts", "random"])
def test_images_on_disk_are_refused(strategy, here):
    for split in ("train", "val"):
        for name in ("n01440764", "n02102040"):
            (here / "imagenet" / split / name).mkdir(parents=True)
            for number in range(4):
                Image.new("RGB", (40, 40), (30 * number, 90, 9)).save(
                    here / "imagenet" / split / name / f"{number}.jpeg")
    result = search("run", "--strategy", strategy, "--data", "imagenet", "--path", "imagenet",
                    code=1)
    assert "a search needs its images in memory" in result.stderr
    assert result.stderr.count("error: ") == 1 and not (here / "runs").exists()


@pytest.mark.parametrize("strategy, space, words, message", [
    ("random", "conv", ["--set", "validation=10"], "holds out a fifth"),
    ("random", "conv", ["--set", "drawings=10"], "drawings is not a setting of candidates"),
    ("evolution", "recurrent", ["--set", "optimizer=nt-asgd"], "choose sgd or adamw"),
    ("random", "conv", ["--early-stop"], "leave --early-stop out"),
    ("random", "recurrent", ["--set", "random_bptt=true", "--batch-size", "half"],
     "3 are needed"),
])
def test_settings_that_candidates_do_not_have(strategy, space, words, message, data, here):
    source = (["--data", "text", "--path", data / "text.txt"] if space == "recurrent"
              else ["--data", "folder", "--path", data / "images"])
    half = int(0.9 * len((data / "text.txt").read_text())) // 2  # columns of two tokens each
    result = search("run", "--strategy", strategy, "--space", space, *source, "--preset", "quick",
                    *(half if word == "half" else word for word in words), code=1)
    assert message in result.stderr and result.stderr.count("error: ") == 1
    assert not (here / "runs").exists()


class Halves(ConvDomain):
    """The convolutional space on every second image."""

    space = "halves"

    def load(self, name, path, size, by):
        data = super().load(name, path, size, by)
        train = dataclasses.replace(data.train, images=data.train.images[::2],
                                    labels=data.train.labels[::2])
        return dataclasses.replace(data, train=train)


@pytest.mark.parametrize("strategy", ["darts", "random"])
def test_a_new_domain_is_a_class_and_a_line(strategy, data, monkeypatch):
    monkeypatch.setattr(tasks.conv, "Halves", Halves, raising=False)
    monkeypatch.setitem(tasks.DOMAINS, "halves", ("conv", "Halves"))
    monkeypatch.setitem(STRATEGIES, strategy, dataclasses.replace(
        STRATEGIES[strategy], spaces=("halves",)))
    whole = ConvDomain().load("folder", data / "images", None, None)
    planned, images = plan(options(data, "halves", strategy=strategy, changes={"epochs": 1}))
    assert planned.space == "halves"
    assert len(images.train.labels) == (len(whole.train.labels) + 1) // 2
    assert build.rehearse(planned, images) >= 1


def test_candidates_are_trained_by_one_thread_each(data, here):
    words = ["--data", "folder", "--path", data / "images", "--threads", 2]
    assert "random trains --workers candidates at a time" in search(
        "run", "--strategy", "random", *words, code=1).stderr
    assert plan(options(data, "conv", strategy="random"))[0].threads == 1
