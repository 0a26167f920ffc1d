"""The `zoo` command: a table of commands, each imported when it is called.

This keeps `zoo --help` and `zoo list` fast, without torch, TensorFlow or the other commands.
"""

from __future__ import annotations

try:
    import errno
    import importlib
    import os
    import re
    import time
    from collections.abc import Collection
    from typing import Annotated, Any, NamedTuple

    import typer
    from typer.core import TyperGroup

    from zoo.messages import notes
    from zoo.system import interrupts
    from zoo.system.memory import is_exhausted
except KeyboardInterrupt:
    from zoo.system import interrupts

    interrupts.leave()


class Command(NamedTuple):
    """The function of a command, and its line in `zoo --help`."""

    module: str
    function: str
    help: str


COMMANDS = {
    "list": Command("zoo.commands.cells", "list_cells", "List the published cells and your own."),
    "show": Command("zoo.commands.cells", "show",
                    "Show a cell: genotype, paper, reported results."),
    "plot": Command("zoo.commands.cells", "plot", "Draw a cell."),
    "register": Command("zoo.commands.cells", "register", "Add a cell of your own to the zoo."),
    "similar": Command("zoo.commands.similar", "similar",
                       "Show the cells equal to a cell, and the nearest."),
    "cite": Command("zoo.commands.cite", "cite", "Print the BibTeX of the papers of cells."),
    "score": Command("zoo.commands.score", "score",
                     "Score cells without training them."),
    "train": Command("zoo.commands.train", "train", "Train the network of a cell."),
    "eval": Command("zoo.commands.eval", "evaluate", "Evaluate a trained network on the test set."),
    "predict": Command("zoo.commands.predict", "predict", "Classify images."),
    "generate": Command("zoo.commands.generate", "generate",
                        "Generate text from a trained language model."),
    "import": Command("zoo.commands.import_checkpoint", "import_checkpoint",
                      "Import a PyTorch checkpoint of a cell's network."),
    "build": Command("export.commands.build", "build",
                     "Export a network to ONNX, TensorFlow, TFLite, TensorFlow.js."),
    "verify": Command("export.commands.verify", "verify",
                      "Check an export: files, outputs, real runtimes."),
    "bench": Command("export.commands.bench", "bench",
                     "Compare cells: parameters, multiply-adds, latency."),
    "profile": Command("export.commands.profile", "profile",
                       "Measure operations, to predict the latency of cells."),
    "demo": Command("web_demo.commands", "demo", "Serve the demo page with your exports."),
    "push": Command("export.commands.push", "push",
                    "Upload an export, a training or a site to the Hugging Face Hub."),
    "doctor": Command("export.commands.doctor", "doctor",
                      "Check which formats and runtimes work on this machine."),
}

#: Names of release 0.3, kept for one more release.
ALIASES = {"write": "generate"}

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
#: Options that determine the memory of a network.
_SIZES = ("--batch-size", "--channels", "--layers", "--hidden", "--size")
PLAIN: dict[str, Any] = {
    "add_completion": False, "rich_markup_mode": None, "pretty_exceptions_enable": False,
    "context_settings": _CONTEXT}


def _is_expected(error: Exception) -> bool:
    """Whether the message of `error` is meant for the user, as opposed to a bug."""
    if isinstance(error, (KeyError, IndexError, BrokenPipeError)):
        return False
    own = type(error).__module__.partition(".")[0] in ("zoo", "search", "export", "web_demo")
    return own or is_exhausted(error) or isinstance(error, (OSError, ValueError, LookupError))


def _one_line(error: Exception, options: Collection[str]) -> str:
    """The message of an error in one line; `options` are those of the command."""
    if is_exhausted(error):
        smaller = [name for name in _SIZES if name in options]
        return "there is not enough memory for this network; " + (
            f"take a smaller {' or '.join(smaller)}" if smaller else
            "free some and run it again, or use a machine with more")
    if isinstance(error, OSError) and error.strerror:
        names = [str(name) for name in (error.filename, error.filename2) if name is not None]
        where = f"{' -> '.join(names)}: " if names else ""
        remedy = "; free some and run it again" if error.errno == errno.ENOSPC else ""
        return notes.printable(f"{where}{error.strerror}{remedy}")
    return notes.printable(" ".join(str(error).split())) or type(error).__name__


def _value_error(message: str) -> str:
    """Rephrase pydantic's message about the value of an option, as quoted by typer."""
    for pattern, text in (("Value error, ", ""),
                          ("Input should be a valid integer(, .*)?", "it must be a whole number"),
                          ("Input should be a valid number(, .*)?", "it must be a number"),
                          ("Input should be greater than or equal to", "it must be at least")):
        message = re.sub(f"^{pattern}", text, message)
    return message


def _wait_for_rank_zero() -> None:
    """Under torchrun, leave the error to the first process: usually all processes have the same
    error, and torchrun ends the others during this wait."""
    if "TORCHELASTIC_RUN_ID" in os.environ and os.environ.get("RANK") != "0":
        time.sleep(3)


def _interrupted() -> typer.Exit:
    interrupts.say()
    return typer.Exit(130)


class OneLineErrors(TyperGroup):
    """A group whose commands report expected errors in one line on stderr, with exit code 1; with
    ZOO_TRACEBACK=1 they show the traceback."""

    def make_context(self, *given: Any, **settings: Any) -> Any:
        """Parse the arguments before the command."""
        interrupts.begin()
        notes.print_anything()
        try:
            return super().make_context(*given, **settings)
        except KeyboardInterrupt:
            raise _interrupted() from None

    def invoke(self, ctx: typer.Context) -> Any:
        """Run the command and return its result."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise _interrupted() from None
        except Exception as error:
            if interrupts.received() and not isinstance(error, typer.Exit):
                raise _interrupted() from None  # a library converted the interrupt
            if isinstance(error, typer.BadParameter):
                error.message = _value_error(error.message)
            if os.environ.get("ZOO_TRACEBACK") or not _is_expected(error):
                raise
            _wait_for_rank_zero()
            typer.echo(f"error: {_one_line(error, self._options(ctx))}", err=True)
            raise typer.Exit(1) from None

    def _options(self, ctx: typer.Context) -> list[str]:
        """The options of the called command."""
        called = self.get_command(ctx, ctx.invoked_subcommand or "")
        return [name for parameter in getattr(called, "params", ()) for name in parameter.opts]


class Commands(OneLineErrors):
    """A group that imports a command's module when the command is called."""

    # `Any` stands for click's classes, which are part of typer or, for older releases, of click.

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = dict.fromkeys(COMMANDS)  # the names, for help and did-you-mean

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Any:
        """Import and return the command of that name; None if there is none."""
        entry = COMMANDS.get(ALIASES.get(cmd_name, cmd_name))
        if entry is None:
            return None
        single = typer.Typer(**PLAIN)
        single.command(cmd_name)(getattr(importlib.import_module(entry.module), entry.function))
        return typer.main.get_command(single)

    def format_commands(self, ctx: typer.Context, formatter: Any) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])


app = typer.Typer(cls=Commands, no_args_is_help=True, **PLAIN)


def _show_version(requested: bool) -> None:
    if requested:
        from zoo import __version__

        typer.echo(f"genotype-zoo {__version__}")
        raise typer.Exit


@app.callback()
def zoo(
    version: Annotated[bool, typer.Option("--version", callback=_show_version, is_eager=True,
                                          help="Show the version.")] = False,
) -> None:
    """A zoo of published neural-network cells, from the paper to the browser.

    \b
    Example:
      zoo list
      zoo show DARTS
      zoo build DARTS --export tfjs
    """
    notes.show()


def main() -> None:
    """The console command `zoo`."""
    interrupts.run(lambda: app(prog_name="zoo"))


if __name__ == "__main__":
    main()
