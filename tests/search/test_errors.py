"""Errors of a search: one line with the remedy, nothing lost."""

import errno
import json
import re
import shutil

import pytest
import torch
from typer.testing import CliRunner

from search import build
from search import runner as runs
from search.cli import app
from search.config import SearchOptions, plan
from search.strategies import STRATEGIES, one_shot
from search.tasks.conv import ConvDomain
from tests.search.small_data import SAMPLED, TEXT, TINY, digits_folder
from zoo import registry
from zoo.runs import run_folder

pytestmark = [pytest.mark.usefixtures("no_estimate"), pytest.mark.xdist_group("search errors")]


def search(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def refused(*words, also=0):
    """The error line of a failing command, after at most `also` other lines (and the line that
    lists the classes)."""
    result = search(*words)
    assert result.exit_code == 1, result.output + repr(result.exception)
    assert isinstance(result.exception, SystemExit), result.exception
    *before, last = result.stderr.strip().splitlines()
    before = [line for line in before if " classes (" not in line]
    assert last.startswith("error: ") and len(before) <= also and not result.stdout, result.output
    return last


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return digits_folder(tmp_path_factory.mktemp("images"))


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("GENOTYPE_ZOO_DATA", str(tmp_path / "zoo"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def words(images):
    return "run", "--data", "folder", "--path", images, *TINY


class Stop(BaseException):
    pass


@pytest.fixture(scope="module")
def interrupted(images, tmp_path_factory):
    """A run of the fastest strategy, interrupted after one of three epochs."""
    folder = tmp_path_factory.mktemp("interrupted") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENOTYPE_ZOO_DATA", str(folder.parent / "zoo"))

        def stop(folder, state, save=run_folder.save_checkpoint):
            save(folder, state)
            raise Stop

        patch.setattr(run_folder, "save_checkpoint", stop)
        with pytest.raises(Stop):
            search("run", "--data", "folder", "--path", images, "--strategy", "gdas", *TINY, "-o",
                   folder)
    return folder


@pytest.fixture
def run(interrupted, tmp_path):
    return shutil.copytree(interrupted, tmp_path / "run")


# --- before anything is begun ---------------------------------------------------------------


@pytest.mark.parametrize("options, message", [
    (["--strategy", "drats"], "unknown strategy 'drats'; did you mean darts?"),
    (["--preset", "quik"], "unknown preset 'quik'; did you mean quick?"),
    (["--strategy", "random", "--preset", "papr"], "did you mean paper?"),
    (["--space", "convv"],
     "darts searches the conv, recurrent or nasbench201 space, not 'convv'; did you mean conv?"),
    (["--strategy", "pc-darts", "--space", "recurrent"],
     "pc-darts searches the conv space, not 'recurrent'"),
    (["--data", "digit"], "did you mean digits"),
    (["--space", "recurrent", "--data", "simple"], "did you mean sample"),
    (["--hidden", "8"], "--hidden is a setting of darts on the recurrent space, not of darts on "
                        "the conv space; leave it out"),
    (["--candidates", "8"], "--candidates is a setting of random, evolution, reinforce, "
                            "local-search, bananas, training-free and hierarchical, not of darts "
                            "on the conv space"),
    (["--warm-start", "training-free"], "--warm-start is a setting of random, evolution, "
                                        "local-search, bananas, training-free and hierarchical, "
                                        "not of darts on the conv space"),
    (["--strategy", "reinforce", "--warm-start", "training-free"],
     "--warm-start is a setting of random"),
    (["--strategy", "random", "--warm-start", "hot"],
     "warm_start must be none or training-free, not 'hot'"),
    (["--strategy", "random", "--space", "recurrent", "--warm-start", "training-free"],
     "scores image networks only; leave --warm-start out"),
    (["--strategy", "training-free", "--set", "scores=nwott"], "did you mean nwot"),
    (["--space", "recurrent", "--channels", "8"],
     "--channels is a setting of darts on the conv space, not of darts on the recurrent space"),
    (["--space", "recurrent", "--size", "8"], "--size applies to images only; leave it out"),
    (["--by", "word"], "--by applies to texts only; leave it out"),
    (["--strategy", "evolution", "--hidden", "8"],
     "--hidden is a setting of evolution on the recurrent space, not of evolution on the conv"),
    (["--strategy", "random", "--order", "1"],
     "--order is a setting of darts, pc-darts, gdas, drnas, sdarts-rs, beta-darts, fair-darts and "
     "p-darts, not of random on the conv space"),
    (["--strategy", "enas", "--order", "2"], "--order is a setting of darts, pc-darts, gdas"),
    (["--strategy", "enas", "--set", "order=2"], "--set order is a setting of darts"),
    (["--strategy", "reinforce", "--channels", "2", "--hidden", "4"],
     "--hidden is a setting of reinforce on the recurrent space"),
    (["--strategy", "random-ws", "--alpha-learning-rate", "1"],
     "fair-darts and p-darts, not of random-ws"),
    (["--strategy", "gdas", "--order", "2"], "leave --order out"),
    (["--strategy", "drnas", "--order", "2"],
     "drnas draws weights in every step and has no second order; leave --order out"),
    (["--strategy", "p-darts", "--space", "recurrent"],
     "p-darts searches the conv or nasbench201 space, not 'recurrent'"),
    (["--set", "beta_weight=1"], "unknown setting 'beta_weight'"),
    (["--strategy", "beta-darts", "--set", "beta_weight=-1"],
     "beta_weight must be at least 0, not -1.0"),
    (["--strategy", "p-darts", "--set", "skip_dropout=[0.1]"],
     "skip_dropout must be 3 numbers in [0, 1)"),
    (["--select", "pertubation"], "did you mean perturbation?"),
    (["--strategy", "enas", "--select", "perturbation"], "--select is a setting of darts, pc-"),
    (["--select", "perturbation", "--early-stop"],
     "--early-stop would end the run before --select perturbation chooses a cell; leave one"),
    (["--select", "perturbation", "--budget", "9000"],
     "--budget does not count the epochs that --select perturbation adds; give --epochs"),
    (["--order", "3"], "order must be 1 or 2, not 3"),
    (["--epochs", "0"], "epochs must be a whole number of at least 1"),
    (["--learning-rate", "0"], "learning_rate must be above 0"),
    (["--batch-size", "1"], "batch-norm needs two images"),
    (["--strategy", "pc-darts", "--channels", "6"], "use a multiple of 4 for --channels"),
    (["--strategy", "evolution", "--candidates", "3"],
     "3 candidates do not fill the population of 12; use --candidates 12, or a smaller population "
     "with --set population=N"),
    (["--strategy", "evolution", "--set", "wave=50"], "a wave of 50 is larger than the population "
     "of 12; choose a smaller one with --set wave=N, or a larger population"),
    (["--budget", "700"], "a budget of 700 pays for no epoch; the smallest that works is "
                          "--budget 719"),
    (["--strategy", "random", "--budget", "9"], "a budget of 9 images pays for no candidate; the "
     "smallest that works is --budget 4596"),
    (["--strategy", "evolution", "--budget", "50000"],
     "a budget of 50,000 images pays for 10 candidates, and a run needs 12; the smallest "
     "that works is --budget 55152"),
    (["--name", ""], "'' cannot name a cell"),
    (["--seed", "-1"], "the seed must be"),
    (["--workers", "many", "--strategy", "random"], "--workers must be a number from 1, ray or"),
    (["--workers", "2"], "--workers is for strategies that train candidates, but darts trains"),
    (["--strategy", "reinforce", "--set", "learning_rate=-1"], "learning_rate must be above 0"),
    (["--strategy", "reinforce", "--set", "clip=-1"], "clip must be at least 0, not -1.0"),
    (["--strategy", "hierarchical", "--set", "share=2"], "share must be above 0 and at most 1"),
    (["--strategy", "random", "--set", "weight_decay=-1"], "weight_decay must be at least 0"),
    (["--set", "weight_decay=-1"], "weight_decay must be at least 0, not -1.0"),
    (["--set", "alpha_betas=[2, 3]"], "alpha_betas must be in [0, 1), not (2.0, 3.0)"),
    (["--set", "crop_padding=-1"], "crop_padding must be at least 0, not -1"),
    (["--device", "tpu"], "no device 'tpu' here"),
    (["--precision", "int3"], "unknown precision 'int3'"),
    (["--name", "DARTS"], "'DARTS' is the published cell DARTS_V1; choose another name"),
    (["--name", "a/b"], "cannot name a cell"),
])
def test_invalid_options(options, message, here):
    assert message in refused("run", *options)
    assert not list(here.iterdir())


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_smallest_budget_in_the_message_works(strategy):
    def rows(budget):
        planned, data = plan(SearchOptions(strategy=strategy, budget=budget))
        return build.rehearse(planned, data)

    with pytest.raises(ValueError, match="the smallest that works is --budget") as caught:
        rows(1)
    least = int(str(caught.value).split()[-1])
    assert rows(least) >= 1
    with pytest.raises(ValueError, match=f"--budget {least}$"):
        rows(least - 1)


def test_the_name_of_a_registered_cell_needs_replace(here):
    registry.register("MINE", registry.genotype("DARTS"))
    assert "already named 'MINE'" in refused("run", "--name", "mine")
    assert not (here / "runs").exists()


@pytest.mark.parametrize("strategy", ["darts", "random"])
def test_data_that_cannot_be_searched_on(strategy, here):
    def refused_on(folder):
        return refused("run", "--data", "folder", "--path", folder, "--strategy", strategy)

    assert "has 1 class folder" in refused_on(digits_folder(here / "one", classes=1))
    (here / "one" / "train" / "other").mkdir()
    (here / "one" / "test" / "other").mkdir()
    assert "other" in refused_on(here / "one")
    small = digits_folder(here / "small", side=3)
    assert ("sides of 3 pixels; two reductions need at least 4 (scale a folder's images with "
            "--size)") in refused_on(small)
    few = digits_folder(here / "few", classes=2)
    for place in (few / "train").iterdir():
        for image in sorted(place.iterdir())[1:]:
            image.unlink()
    message = refused_on(few)
    assert "too few" in message or "cannot hold out" in message
    assert not (here / "runs").exists()


@pytest.mark.parametrize("strategy", ["darts", "random"])
def test_one_class_among_named_ones(strategy, here, images, monkeypatch):
    import dataclasses

    load = ConvDomain.load

    def alike(*arguments):
        data = load(*arguments)
        data.train.labels[:] = 2
        return dataclasses.replace(data, train=data.train)

    monkeypatch.setattr(ConvDomain, "load", alike)
    assert "the training images of folder are all of one class (2)" in refused(
        "run", "--strategy", strategy, "--data", "folder", "--path", images)


def test_a_text_that_is_too_small(here):
    text = here / "text.txt"
    text.write_text("to be or not to be\n")
    assert "5% for validation" in refused("run", *TEXT, "--path", text)
    text.write_text("to be or not to be\n" * 16)
    assert "smaller --batch-size (at most" in refused("run", *TEXT, "--path", text)
    sampled = [*TEXT, "--strategy", "random", "--batch-size", 200]
    assert "smaller --batch-size" in refused("run", *sampled, "--path", text)


def test_foreign_folders_are_left_alone(here, words, run):
    foreign = here / "foreign"
    foreign.mkdir()
    (foreign / "thesis.tex").write_text("mine")
    assert "is not empty and not a search run; choose another" in refused(
        *words, "-o", foreign)
    assert [path.name for path in foreign.iterdir()] == ["thesis.tex"]
    assert "is not a folder; choose another with -o" in refused(
        *words, "-o", foreign / "thesis.tex")
    before = (run / "config.json").read_bytes()
    assert f"continue with `search resume {run}`" in refused(*words, "-o", run)
    assert (run / "config.json").read_bytes() == before


def test_a_finished_run_is_not_overwritten(words, run):
    assert search("resume", run).exit_code == 0
    assert refused(*words, "-o", run) == (
        f"error: {run} holds a finished search, see `search show {run}`; choose another folder "
        "with -o")


def test_listing_a_missing_or_empty_folder(here):
    assert refused("list", "nowhere") == (
        "error: no folder nowhere; name one that holds runs")
    assert search("list").stdout == "no search runs in runs; `search run` makes one\n"
    (here / "empty").mkdir()
    assert search("list", "empty").exit_code == 0


@pytest.mark.parametrize("command", ["show", "plot", "compare", "resume"])
def test_a_folder_without_a_run(command, here):
    (here / "empty").mkdir()
    for folder in (here / "nothing", here / "empty", here / "empty" / "x" / "y"):
        assert "holds no search run; `search list` shows the runs" in refused(command, folder)
    (here / "file").write_text("x")
    assert "holds no search run" in refused(command, here / "file")
    assert not list((here / "empty").iterdir())


# --- while it runs --------------------------------------------------------------------------

LINES = 10  # printed by a resumed run before its error


@pytest.mark.parametrize("strategy", ["darts", "gdas", "random-ws", "enas"])
def test_a_diverging_loss(strategy, words, here):
    line = refused(*words, "--strategy", strategy, "--learning-rate", "1e18", "-o", "run",
                   also=LINES)
    assert "in epoch" in line and "smaller --learning-rate (it was 1e+18)" in line
    assert "smaller --learning-rate" in refused("resume", "run", also=LINES)


def test_diverging_candidates_are_not_an_error(images, here):
    result = search("run", "--strategy", "random", "--data", "folder", "--path", images, *SAMPLED,
                    "--candidates", "2", "--learning-rate", "1e18")
    assert result.exit_code == 0, result.output
    assert "warning: the training of candidate 0 diverged" in result.stderr


@pytest.mark.parametrize("text", [
    "[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory: you tried",
    "CUDA out of memory. Tried to allocate 20.00 GiB"])
def test_out_of_memory(text, run, monkeypatch):
    history = (run / "history.jsonl").read_bytes()

    def full(*_):
        raise RuntimeError(text)

    with monkeypatch.context() as patch:
        patch.setattr(one_shot.OneShot, "epoch", full)
        assert refused("resume", run, also=LINES) == (
            "error: there is not enough memory for this network; free some and run it again, or "
            "use a machine with more")
    assert (run / "history.jsonl").read_bytes() == history
    assert search("resume", run).exit_code == 0


@pytest.mark.parametrize("call", ["append_line", "write_report", "write_whole"])
@pytest.mark.parametrize("number, remedy", [(errno.ENOSPC, "free some space and continue with"),
                                            (errno.EROFS, "make it writable and continue with")])
def test_a_disk_that_is_full_or_read_only(call, number, remedy, run, monkeypatch):
    def fail(path, *_):
        raise OSError(number, "No way", None if call == "write_report" else str(path))

    with monkeypatch.context() as patch:
        patch.setattr(runs, call, fail)
        line = refused("resume", run, also=LINES)
        assert "No way; " in line and f"{remedy} `search resume {run}`" in line
    assert search("resume", run).exit_code == 0


# --- afterwards -----------------------------------------------------------------------------


def test_a_damaged_checkpoint(run):
    path = run / "checkpoint.pt"
    whole, history = path.read_bytes(), (run / "history.jsonl").read_bytes()
    state = torch.load(path, weights_only=True)
    wrong = {name: torch.zeros(2, 3) for name in state["network"]}
    torch.save(state | {"network": wrong}, run / "wrong")
    torch.save(state | {"epoch": "one"}, run / "odd")
    torch.save({name: value for name, value in state.items() if name != "alphas"}, run / "lacking")
    torch.save([1, 2], run / "list")
    for content in (whole[:1000], b"", b"garbage" * 99,
                    *((run / name).read_bytes() for name in ("wrong", "odd", "lacking", "list"))):
        path.write_bytes(content)
        line = refused("resume", run, also=2)
        assert f"{path} is damaged" in line and "another folder with -o" in line
        assert path.read_bytes() == content and (run / "history.jsonl").read_bytes() == history
    path.write_bytes(whole)
    assert search("resume", run).exit_code == 0


def test_the_checkpoint_of_another_search(run, words, here):
    (here / "other").mkdir()
    config = json.loads((run / "config.json").read_text())
    for change in ({"strategy": "darts"}, {"seed": 1},
                   {"settings": config["settings"] | {"learning_rate": 1.0}}):
        (run / "config.json").write_text(json.dumps(config | change))
        assert "checkpoint.pt belongs to another search than config.json" in refused(
            "resume", run, also=2)


@pytest.mark.parametrize("change", [
    {"strategy": "drats"}, {"space": "x"}, {"threads": 0}, {"threads": "2"}, {"seed": None},
    {"settings": {"epochs": "many"}}, {"settings": {"color": 1}}, {"settings": []},
    {"training": 3}])
def test_a_damaged_config(change, run):
    path = run / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    line = refused("resume", run, also=2)
    assert f"{path} is damaged" in line and "another folder with -o" in line


def test_files_that_are_not_json(run):
    history, config = run / "history.jsonl", run / "config.json"
    whole = history.read_bytes()
    for content in (b"x" + whole, b"[]\n", whole + whole):
        history.write_bytes(content)
        assert f"{history} is damaged" in refused("resume", run, also=2)
    history.write_bytes(whole[:300])
    assert "history.jsonl lacks rows of finished epochs" in refused("resume", run, also=2)
    config.write_text("{")
    for command in ("resume", "show", "plot", "compare"):
        assert f"{config} is damaged (not JSON)" in refused(command, run, also=2)


def test_a_damaged_result_is_rewritten(run):
    assert search("resume", run).exit_code == 0
    result = (run / "result.json").read_bytes()
    for name in ("result.json", "genotype.json"):
        (run / name).write_text("{}")
        line = refused("resume", run, also=2)
        assert re.search(r"is damaged.*; remove .* and continue with `search resume ", line)
        (run / "result.json").unlink()
        assert search("resume", run).exit_code == 0
        assert (run / "result.json").read_bytes() == result


def test_data_that_changed_or_vanished_since_the_start(images, here):
    mine = shutil.copytree(images, here / "images")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Stop):
        patch.setattr(one_shot.OneShot, "epoch", _stop)
        search("run", "--data", "folder", "--path", mine, *TINY, "-o", "run")
    first = next((mine / "train").rglob("*.png"))
    first.unlink()
    line = refused("resume", "run", also=2)
    assert f"run was started on different data than {mine} holds now" in line
    shutil.rmtree(mine)
    assert str(mine) in refused("resume", "run", also=2)


def _stop(*_):
    raise Stop
