"""The `search` command as typed, from an empty folder."""

import json
import re
import shutil
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from search.cli import app
from tests.search.small_data import (
    SAMPLED,
    TEXT,
    TINY,
    digits_folder,
    short_text,
    without_estimate,
)
from zoo.cli import app as zoo_app

pytestmark = [pytest.mark.usefixtures("no_estimate"), pytest.mark.xdist_group("search at home")]

COMMANDS = ("run", "resume", "list", "show", "plot", "compare")
DIGITS = ["--channels", "4", "--layers", "3", "--epochs", "1", "--batch-size", "300"]


def search(*words, code=0):
    result = CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "100"})
    assert result.exit_code == code, result.output + repr(result.exception)
    return result


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A new folder with three searches, the last a repetition of the first."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        patch.setenv("GENOTYPE_ZOO_DATA", str(home / "mine"))
        first = search("run", *DIGITS)
        without_estimate(patch.setattr)
        results = [first, search("run", *DIGITS, "--seed", 1), search("run", *DIGITS)]
        (home / "runs" / "notes").mkdir()
        yield home, results


@pytest.fixture(autouse=True)
def at_home(home, monkeypatch):
    monkeypatch.chdir(home[0])
    monkeypatch.setenv("GENOTYPE_ZOO_DATA", str(home[0] / "mine"))


def test_a_run_prints_its_cost_its_cell_and_the_next_command(home):
    _, (result, *_) = home
    lines = result.stderr.splitlines()
    assert lines[0] == "darts order 1 in runs/search-darts1-digits-0"
    assert lines[1] == "watch: zoo demo runs/search-darts1-digits-0"
    assert re.fullmatch(r"1 epoch of 2 steps; [\d,]+ parameters", lines[2])
    assert re.fullmatch(r"peak memory: about \d+ MB, [\d.]+ [GM]B free", lines[3])
    assert re.match(r"epoch 1/1  train loss [\d.]+ accuracy [\d.]+%  valid loss [\d.]+ accuracy "
                    r"[\d.]+%  entropy [\d.]+/[\d.]+  gap [+-][\d.]+%  normal \w+", lines[4])
    found, genotype, where, watch, train, build = result.stdout.splitlines()
    assert found == "DARTS1_DIGITS_0 (epoch 1, the last epoch)"
    assert genotype.startswith("Genotype(normal=[(")
    assert where == ("run: runs/search-darts1-digits-0, report: "
                     "runs/search-darts1-digits-0/report.html")
    assert watch == "watch: zoo demo runs/search-darts1-digits-0"
    assert train == ("next: zoo train DARTS1_DIGITS_0 --data digits -o "
                     "runs/search-darts1-digits-0/trained")
    assert build.strip() == "zoo build DARTS1_DIGITS_0 --export tfjs"


def test_a_folder_and_a_cell_for_each_run(home):
    names = [result.stdout.split()[0] for result in home[1]]
    assert names == ["DARTS1_DIGITS_0", "DARTS1_DIGITS_1", "DARTS1_DIGITS_0_2"]
    first, second = (home[0] / "runs" / name for name in (
        "search-darts1-digits-0", "search-darts1-digits-0-2"))
    for name in ("history.jsonl", "genotype.json"):
        assert (first / name).read_bytes() == (second / name).read_bytes()
    assert {path.name for path in first.iterdir()} == {
        "config.json", "history.jsonl", "seconds.jsonl", "checkpoint.pt", "genotype.json",
        "result.json", "report.html", "tensorboard"}


def test_list(home):
    lines = search("list").stdout.splitlines()
    assert lines[0].split() == ["run", "strategy", "space", "data", "seed", "epochs", "best",
                                "cell"]
    assert [line.split()[0] for line in lines[1:]] == [
        f"runs/search-darts1-digits-{name}" for name in ("0", "0-2", "1")]
    assert lines[1].split()[-1] == "DARTS1_DIGITS_0"
    assert "no search runs in mine; `search run` makes one" in search("list", "mine").stdout


def test_show():
    output = search("show", "runs/search-darts1-digits-1").stdout
    assert output.startswith("darts order 1 on digits, conv space, seed 1\nsettings: epochs 1, ")
    assert "\nepoch 1/1  train loss" in output and "\ncost: 600 images" in output
    assert "found DARTS1_DIGITS_1 (epoch 1, the last epoch), runs/search-darts1-digits-1/" \
        "genotype.json" in output


def test_an_unfinished_run_is_reported_by_list_show_and_run(home, monkeypatch):
    folder = home[0] / "runs" / "search-darts1-digits-7"
    shutil.copytree(home[0] / "runs" / "search-darts1-digits-0", folder)
    try:
        (folder / "result.json").unlink()
        assert "unfinished" in search("list").stdout
        assert f"continue with `search resume {folder}`" in search("show", folder).stdout
        refused = search("run", *DIGITS, "--seed", 7, "--learning-rate", "1e18", code=1)
        assert "note: runs/search-darts1-digits-7 is unfinished; `search resume" in refused.stderr
    finally:
        for path in (home[0] / "runs").glob("search-darts1-digits-7*"):
            shutil.rmtree(path)


@pytest.mark.parametrize("name, begins", [("run.svg", b"<?xml"), ("run.png", b"\x89PNG")])
def test_plot(name, begins, tmp_path):
    pytest.importorskip("matplotlib")
    output = search("plot", "runs/search-darts1-digits-0", "-o", tmp_path / name).stdout
    assert output == f"wrote {tmp_path / name}\n"
    assert (tmp_path / name).read_bytes().startswith(begins)


def test_compare_groups_the_seeds_of_a_strategy(tmp_path):
    pytest.importorskip("matplotlib")
    runs = ["runs/search-darts1-digits-0", "runs/search-darts1-digits-1"]
    picture = tmp_path / "compare.png"
    output = search("compare", *runs, "-o", picture).stdout
    assert picture.read_bytes().startswith(b"\x89PNG")
    row = next(line for line in output.splitlines() if line.startswith("darts order 1 "))
    assert row.split()[3] == "2" and "±" in row
    groups = json.loads(search("compare", *runs, "-o", picture, "--json").stdout)["strategies"]
    assert [(group["label"], group["seeds"]) for group in groups] == [("darts order 1", [0, 1])]


def test_the_cell_is_in_the_zoo_with_its_run_data_and_seed():
    def zoo(*words):
        result = CliRunner().invoke(zoo_app, words, env={"COLUMNS": "160"})
        assert result.exit_code == 0, result.output
        return result.stdout

    row = next(line for line in zoo("list").splitlines() if "DARTS1_DIGITS_1" in line)
    for fact in ("search-darts1-digits-1", "darts order 1", "on digits", "seed 1"):
        assert fact in row
    shown = zoo("show", "DARTS1_DIGITS_1")
    assert "search run search-darts1-digits-1: darts order 1 on digits, seed 1" in shown


def test_recurrent_and_sampled_runs_from_the_start_to_the_next_command(home, tmp_path):
    text = short_text(tmp_path / "text.txt")
    result = search("run", *TEXT, "--epochs", 1, "--path", text, "-o", tmp_path / "text")
    assert re.search(r"epoch 1/1  train loss [\d.]+ perplexity [\d.]+  valid loss [\d.]+ "
                     r"perplexity [\d.]+  entropy [\d.]+  gap [+-][\d.]+  recurrent ",
                     result.stderr)
    assert (f"next: zoo train DARTS1_TEXT_0 --data text --path {text} -o {tmp_path / 'text'}"
            in result.stdout)
    images = digits_folder(tmp_path / "images")
    result = search("run", "--strategy", "random", *SAMPLED, "--candidates", 9, "--preset",
                    "quick", "--data", "folder", "--path", images, "-o", tmp_path / "random")
    assert "9 candidates in 3 waves, 32 images each: 288 images" in result.stderr
    assert re.search(r"\nepoch 3/3  valid accuracy [\d.]+%  normal ", result.stderr)
    assert f"zoo train RANDOM_FOLDER_0 --data folder --path {images} -o" in result.stdout
    assert "\nepoch 2/3  " in search("show", tmp_path / "random").stdout


# --- help, without slow imports -------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_has_a_valid_example(command):
    output = search(command, "--help").stdout
    examples = re.findall(rf"^ +(search {command}.*)$", output.partition("Example:")[2], re.M)
    assert examples
    known = set(re.findall(r"--?[\w-]+", output.replace("Example:", "\n")))
    for example in examples:
        assert set(re.findall(r"(?<= )--?[a-z][\w-]*", example)) <= known


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["list"], ["list", "runs"],
                                   ["show", "runs/search-darts1-digits-0"]])
def test_answers_without_torch(words):
    script = ("import sys, atexit\n"
              "atexit.register(lambda: print(sorted({'torch', 'numpy', 'sklearn', 'tensorboard'} "
              "& set(sys.modules)), file=sys.stderr))\n"
              f"sys.argv[1:] = {words!r}\nfrom search.cli import main\nmain()")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout
    assert done.stderr.splitlines()[-1] == "[]"


def test_the_next_command_can_be_pasted(tmp_path, monkeypatch):
    monkeypatch.setenv("GENOTYPE_ZOO_DATA", str(tmp_path / "mine"))
    images, run = tmp_path / "my images", tmp_path / "a run"
    digits_folder(images)
    said = search("run", "--data", "folder", "--path", images, "--size", 8, *TINY, "--epochs", 1,
                  "-o", run).stdout
    assert (f"next: zoo train DARTS1_FOLDER_0 --data folder --path '{images}' --size 8 "
            f"-o '{run / 'trained'}'\n") in said
