"""`zoo list`, `show`, `plot`, `register`, and the behavior of every command."""

import json
import os
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest
from typer.testing import CliRunner

import zoo
from zoo.cli import COMMANDS, app

_ROOT = os.path.dirname(os.path.dirname(zoo.__file__))
TEXT = ("Genotype(normal=[('skip_connect', 0), ('sep_conv_3x3', 1)], normal_concat=[2], "
        "reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1)], reduce_concat=[2])")


@pytest.fixture(autouse=True)
def own_data(tmp_path, monkeypatch):
    monkeypatch.setenv("GENOTYPE_ZOO_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("ZOO_TRACEBACK", raising=False)
    monkeypatch.chdir(tmp_path)


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def succeeded(*arguments):
    result = run(*arguments)
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    return result.stdout


def failed(*arguments):
    """The error line of a failing command."""
    result = run(*arguments)
    assert result.exit_code == 1 and result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    return line.removeprefix("error: ")


# --- list ---------------------------------------------------------------------------------


def test_list_shows_the_headline_cells_and_how_many_more_there_are():
    lines = succeeded("list").splitlines()
    names = [line.split()[0] for line in lines[1:-2]]
    assert lines[0].split() == ["name", "year", "reported", "params", "method"]
    assert {"NASNet_A", "DARTS_V2", "ENAS_RNN"} <= set(names) and 30 <= len(names) <= 40
    assert lines[-1].startswith(f"{len(names)} of 121 cells; `zoo list --all` shows the other")


def test_list_all_shows_every_name_whole():
    lines = succeeded("list", "--all").splitlines()
    assert {line.split()[0] for line in lines[1:]} == set(zoo.list_cells())
    assert "…" not in "".join(lines) and "│" not in "".join(lines)


def test_a_pattern_searches_all_cells():
    assert "SGAS_Cri2_7" in succeeded("list", "*sgas*")
    assert failed("list", "dart") == ("no cell matches 'dart'. Try '*dart*'. `zoo list --all` "
                                      "shows every cell")


def test_list_by_kind():
    lines = succeeded("list", "--all", "--kind", "recurrent").splitlines()
    assert len(lines) == 7 and all("_RNN" in line for line in lines[1:])


def test_list_as_json():
    cells = json.loads(succeeded("list", "--all", "--json"))
    assert len(cells) == 121
    darts = next(cell for cell in cells if cell["name"] == "DARTS_V2")
    assert darts["reported"]["cifar10_error"] == 2.76
    assert darts["paper"]["url"] == "https://arxiv.org/abs/1806.09055"


def test_user_cells_are_listed_with_the_published_ones(tmp_path):
    zoo.register("MINE", zoo.parse(TEXT), source="search run 7")
    (row,) = [line for line in succeeded("list").splitlines() if line.startswith("MINE")]
    assert "yours: search run 7" in row
    (tmp_path / "data/cells/BAD.json").write_text("{")
    result = run("list")
    assert result.exit_code == 0 and "MINE" in result.stdout
    assert result.stderr.startswith("warning: ") and "BAD.json: not valid JSON" in result.stderr
    assert "BAD.json: not valid JSON" in failed("show", "BAD")


# --- show ---------------------------------------------------------------------------------


def test_on_a_narrow_terminal_your_cells_keep_their_source(tmp_path, monkeypatch, capsys):
    """Only the names of published methods are shortened."""
    from zoo.commands.table import print_table

    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    rows = [("DARTS", "3.3 M", "gradient, first-order bilevel"),
            ("MINE", "", "yours: search run 7: darts order 1 on digits, seed 0"),
            ("ALSO", "", "yours")]
    print_table(("name", "params", "method"), rows, shorten="method", whole=[1, 2])
    assert capsys.readouterr().out.splitlines()[1:] == [
        "DARTS  3.3 M   gradient, first-order bi…", "MINE",
        "  yours: search run 7: darts order 1 on digits, seed 0", "ALSO           yours"]


def test_show_says_which_cell_DARTS_is():
    page = succeeded("show", "DARTS")
    assert ("DARTS is an alias of the first-order cell, DARTS_V1; DARTS_V2 is the second-order "
            "cell") in page
    assert "https://arxiv.org/abs/1806.09055" in page and "also called DARTS" in page
    assert "zoo build DARTS_V1 --export tfjs" in page


@pytest.mark.parametrize("name", ["NASNet", "FairDARTS_a", "DARTS_V2_RNN"])
def test_show_prints_both_notations_which_read_back(name):
    genotype = zoo.genotype(name)
    page = succeeded("show", name)
    text = page.partition("As text\n")[2].partition("\n\nAs JSON")[0]
    written = page.partition("As JSON\n")[2].partition("\n\nNext")[0]
    assert zoo.parse(text) == zoo.parse(written) == genotype
    assert zoo.parse(succeeded("show", name, "--text")) == genotype
    assert zoo.parse(succeeded("show", name, "--json")) == genotype


@pytest.mark.parametrize("form", ["classic", "json", "nni", "nasbench301", "naslib"])
def test_show_prints_the_forms_of_other_tools(form, tmp_path):
    text = run("show", "GDAS_V1", "--format", form).stdout
    (tmp_path / "cell.txt").write_text(text)
    again = run("show", "cell.txt", "--format", form)
    assert again.exit_code == 0 and form == "json" or again.stdout == text
    assert {"classic": "--text", "json": "--json"}.get(form) is None or text == succeeded(
        "show", "GDAS_V1", {"classic": "--text", "json": "--json"}[form])


def test_an_unsupported_notation_says_why():
    assert failed("show", "NASNet", "--format", "nni") == (
        "NASNet_A cannot be written as nni: reduce cell: its concat is 4, 5, 6, and NNI always "
        "concatenates all nodes, 2, 3, 4, 5, 6")
    assert failed("show", "DARTS", "--format", "nnni").startswith(
        "unknown format 'nnni'; did you mean nni?")
    result = run("show", "DARTS_V2", "--format", "nasbench301")
    assert result.exit_code == 0
    assert result.stderr == ("note: nasbench301 does not keep the order of a node's edges; they "
                             "are read back sorted by input\n")


def test_show_reads_a_file(tmp_path):
    (tmp_path / "mine.txt").write_text(f"MINE = {TEXT}\n")
    assert succeeded("show", "mine.txt").startswith("MINE: a convolutional cell\n")


def test_show_of_an_unknown_cell():
    assert failed("show", "DRATS").startswith("no cell is named 'DRATS'; did you mean DARTS")
    assert failed("show", "--json", "--text", "DARTS") == (
        "--format, --json and --text exclude each other; choose one")
    assert failed("show", "--format", "nni", "--text", "DARTS").startswith("--format, --json")


# --- plot ---------------------------------------------------------------------------------


def test_plot_writes_an_svg(tmp_path):
    assert succeeded("plot", "DARTS", "-o", "darts.svg") == "wrote darts.svg\n"
    assert ElementTree.parse(tmp_path / "darts.svg").getroot().get("role") == "img"
    succeeded("plot", "NASNet")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["NASNet_A.svg", "darts.svg"]


def test_a_name_in_a_file_cannot_leave_the_folder(tmp_path):
    folder = tmp_path / "sub"
    folder.mkdir()
    cell = json.loads(succeeded("show", "DARTS", "--json")) | {"name": "../evil"}
    (tmp_path / "cell.json").write_text(json.dumps(cell))
    assert succeeded("plot", "cell.json") == "wrote evil.svg\n"
    assert "cannot name a cell" in failed("register", "cell.json")


def test_plot_says_what_is_wrong_with_its_output(tmp_path):
    assert failed("plot", "DARTS", "-o", "no/darts.svg") == (
        "no/darts.svg: there is no folder no; create it first")
    (tmp_path / "folder").mkdir()
    assert failed("plot", "DARTS", "-o", "folder").startswith("folder is a folder; give a file")
    assert failed("plot", "missing.json") == "missing.json: No such file or directory"
    (tmp_path / "bad.json").write_text('{"kind": "conv"')
    assert failed("plot", "bad.json").startswith("bad.json: not valid JSON")
    assert not list(tmp_path.glob(".*.part"))


@pytest.mark.parametrize("name", ["d.png", "d.PDF", "d"])
def test_a_drawing_needs_a_matching_suffix(name, tmp_path):
    assert failed("plot", "DARTS", "-o", name).startswith(
        f"{name} does not end in .svg, and the drawing is SVG; write d.svg and convert it")
    assert not list(tmp_path.iterdir())
    assert succeeded("plot", "DARTS", "-o", "d.SVG") == "wrote d.SVG\n"


def test_a_failed_plot_names_the_file_and_leaves_the_old_one(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    (tmp_path / "darts.svg").write_text("old")
    monkeypatch.setattr("os.replace", full)
    message = failed("plot", "DARTS", "-o", "darts.svg")
    assert message == "darts.svg: No space left on device; free some and run it again"
    assert [path.name for path in tmp_path.iterdir()] == ["darts.svg"]
    assert (tmp_path / "darts.svg").read_text() == "old"


# --- register -----------------------------------------------------------------------------


def test_register_takes_its_name_from_option_text_or_file(tmp_path):
    (tmp_path / "one.txt").write_text(f"ONE = {TEXT}")
    (tmp_path / "two.txt").write_text(TEXT)
    (tmp_path / "three.json").write_text(json.dumps(
        json.loads(succeeded("show", "DARTS", "--json")) | {"name": "THREE", "source": "here"}))
    assert "registered ONE" in succeeded("register", "one.txt")
    assert "registered two" in succeeded("register", "two.txt")
    assert "registered THREE" in succeeded("register", "three.json")
    assert "registered FOUR" in succeeded("register", "two.txt", "--name", "FOUR",
                                          "--source", "there")
    assert zoo.genotype("ONE") == zoo.genotype("FOUR") == zoo.parse(TEXT)
    assert "yours: there" in succeeded("list")


def test_printed_commands_are_quoted(tmp_path):
    folder = tmp_path / "my cells"
    folder.mkdir()
    (folder / "it's.txt").write_text(TEXT)
    page = succeeded("show", "my cells/it's.txt")
    plot, register = (shlex.split(line) for line in page.splitlines()[-2:])
    assert plot == ["zoo", "plot", "my cells/it's.txt", "-o", "it's.svg"]
    assert register == ["zoo", "register", "my cells/it's.txt"]


@pytest.mark.parametrize("name", ["", " ", ".x", "a/b"])
def test_an_invalid_name_is_refused(name, tmp_path):
    (tmp_path / "one.txt").write_text(TEXT)
    assert failed("register", "one.txt", "--name", name).startswith(f"{name!r} cannot name a cell")
    assert not list((tmp_path / "data").glob("**/*.json"))
    with pytest.raises(ValueError, match="cannot name a cell"):
        zoo.register(name, zoo.parse(TEXT))


LOG = "\n".join(f"03:51 PM genotype = {TEXT.replace('skip_connect', operation)}"
                for operation in ("skip_connect", "sep_conv_5x5", "dil_conv_3x3"))


def test_one_genotype_of_a_log_or_module_is_taken_with_a_note(tmp_path):
    (tmp_path / "search.log").write_text(f"epoch 1\n{LOG}\n", encoding="utf-16")
    (tmp_path / "genotypes.py").write_text(f"A = {TEXT}\nB = genotypes.{TEXT}\nBEST = A\n")
    last = run("show", "search.log", "--text")
    assert "('dil_conv_3x3', 0)" in last.stdout
    assert last.stderr == ("note: search.log: read the last of 3 genotypes, from line 4; use "
                           "--select with a number or a name for another\n")
    assert "('sep_conv_5x5', 0)" in succeeded("show", "search.log", "--select", "2", "--text")
    assert "wrote A.svg" in succeeded("plot", "genotypes.py", "--select", "BEST")
    assert "registered B" in succeeded("register", "genotypes.py", "--select", "b")
    assert "registered search" in succeeded("register", "search.log", "--select", "1")
    assert "there is no genotype 4; select one of 1 to 3" in failed(
        "show", "search.log", "--select", "4")
    assert "--select is for a file with several" in failed("show", "DARTS", "--select", "2")


every_command = pytest.mark.parametrize("command", [
    ("show", "FILE"), ("plot", "FILE"), ("register", "FILE"), ("train", "FILE"),
    ("build", "FILE", "-e", "onnx"), ("import", "weights.pt", "--cell", "FILE")])


@every_command
@pytest.mark.parametrize("select, message", [
    ("C", "no genotype here is named 'C'; there are A, B"),
    ("3", "there is no genotype 3; select one of 1 to 2"), ("", "--select is empty; give")])
def test_every_command_selects(command, select, message, tmp_path):
    (tmp_path / "two.py").write_text(f"A = {TEXT}\nB = {TEXT}\n")
    words = ["two.py" if word == "FILE" else word for word in command]
    assert failed(*words, "--select", select).startswith(f"two.py: {message}")


@every_command
def test_every_command_reads_a_file_the_same_way(command, tmp_path):
    (tmp_path / "bad.log").write_text(f"{LOG}\nlast = Genotype(normal=[('sep")
    line = failed(*("bad.log" if word == "FILE" else word for word in command))
    assert line == ("bad.log: cannot be read as Genotype(...): unfinished at line 4, column 26: "
                    "the quote is not closed; it is the last of 4 genotypes (last), use --select "
                    "with a number or a name for another")


def test_register_refuses_taken_names_and_broken_files(tmp_path):
    (tmp_path / "one.txt").write_text(TEXT)
    succeeded("register", "one.txt")
    assert "already named 'one'" in failed("register", "one.txt")
    succeeded("register", "one.txt", "--replace")
    assert "is the published cell DARTS_V1" in failed("register", "one.txt", "--name", "darts")
    (tmp_path / "bad.txt").write_text("Genotype(normal=[('sep_conv', 0)])")
    assert failed("register", "bad.txt").startswith("bad.txt: found the fields normal")
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    assert failed("register", "binary.json") == (
        "binary.json is not UTF-16 text (byte 2 is 0x00); it is truncated or damaged, so get it "
        "again, or give a file with JSON or Genotype(...)")
    (tmp_path / "data/cells/one.json").write_text(TEXT, encoding="utf-16-le")
    assert "one.json: holds NUL" in failed("show", "one")


# --- every command ------------------------------------------------------------------------


def test_help_lists_every_command_without_importing_any():
    lines = succeeded("--help").splitlines()
    for name, entry in COMMANDS.items():
        assert any(line.split()[:1] == [name] and entry.help in line for line in lines)


@pytest.mark.parametrize("name", ["list", "show", "plot", "register"])
def test_help_has_an_example(name):
    assert f"zoo {name}" in succeeded(name, "--help").partition("Example:")[2]


def test_an_unknown_command_gets_a_suggestion():
    result = run("shwo")
    assert result.exit_code == 2 and "Did you mean 'show'?" in result.stderr


def test_a_bug_is_not_reported_as_a_user_error(monkeypatch):
    monkeypatch.setattr("zoo.registry.record", lambda name: {}["key"])
    assert isinstance(run("show", "DARTS").exception, KeyError)


def test_the_traceback_is_shown_on_request(monkeypatch):
    monkeypatch.setenv("ZOO_TRACEBACK", "1")
    assert isinstance(run("show", "DRATS").exception, zoo.UnknownCellError)


def test_an_interrupt_is_one_line_and_130(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["zoo", "show", "DARTS"])

    def interrupt(name):
        raise KeyboardInterrupt

    monkeypatch.setattr("zoo.registry.record", interrupt)
    result = run("show", "DARTS")
    assert (result.exit_code, result.stderr) == (130, "interrupted; go on with `zoo show DARTS`\n")


CHECK = """
import sys
from zoo.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
heavy = {"torch", "tensorflow", "onnx", "numpy", "sklearn"} & sys.modules.keys()
others = {"zoo.commands.train", "export.commands", "web_demo.commands"} & sys.modules.keys()
assert not heavy and not others, (heavy, others)
"""


@pytest.mark.parametrize("arguments", [
    ["--help"], ["list"], ["list", "--all", "--json"], ["show", "DARTS"], ["show", "--help"],
    ["plot", "DARTS", "-o", "darts.svg"],
])
def test_cells_are_shown_without_torch_or_tensorflow(arguments):
    done = subprocess.run([sys.executable, "-c", CHECK, *arguments], capture_output=True,
                          text=True, timeout=60, env=os.environ | {"PYTHONPATH": _ROOT})
    assert (done.returncode, done.stderr) == (0, "")


def test_a_closed_pipe_is_no_traceback():
    done = subprocess.run(f"{sys.executable} -m zoo.cli list --all --json | head -1", shell=True,
                          capture_output=True, text=True, timeout=60,
                          env=os.environ | {"PYTHONPATH": _ROOT})
    assert done.stdout == "[\n" and "Traceback" not in done.stderr
