"""`zoo push`: uploads an artifact, a training or a site to the Hugging Face Hub."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zoo.commands.progress import spinner
from zoo.commands.table import print_table
from zoo.messages.command_line import command

if TYPE_CHECKING:
    from zoo.hub.push import Comparison, Contents


def push(
    directory: Annotated[Path, typer.Argument(
        help="An artifact folder, a finished run of `zoo train`, or with --space a site of `zoo "
             "demo --build`.", show_default=False)],
    repository: Annotated[str, typer.Argument(
        help="The repository on the hub: USER/NAME.", show_default=False)],
    space: Annotated[bool, typer.Option(
        "--space", help="Push a site, as a static Space.")] = False,
    private: Annotated[bool, typer.Option(
        "--private", help="Make the repository private, if it is new.")] = False,
    revision: Annotated[str | None, typer.Option(
        help="Branch to push to, created if it is missing. Default: main.",
        show_default=False)] = None,
    message: Annotated[str | None, typer.Option(
        help="Message of the commit. Default: the name of what is pushed.",
        show_default=False)] = None,
    replace: Annotated[bool, typer.Option(
        "--replace", help="Replace files on the hub that differ, and remove those that an earlier "
                          "push wrote.")] = False,
    dry_run: Annotated[bool, typer.Option(
        "--dry-run", help="List the files and what would change; send nothing.")] = False,
) -> None:
    """Upload an artifact to the Hugging Face Hub, with a model card, in one commit.

    Every file is checked against its sha256 first. Only files that zoo wrote are uploaded; without
    --replace, nothing on the hub is overwritten. The token is that of `hf auth login` or HF_TOKEN.

    \b
    Example:
      zoo push exports/DARTS-digits USER/DARTS-digits --dry-run
      zoo push runs/DARTS-digits USER/DARTS-digits --private
      zoo demo exports --build site; zoo push site USER/demo --space
    """
    from zoo import __version__
    from zoo.hub import push as hub
    from zoo.hub.address import Address

    hub.check(repository, revision)
    contents, name = _contents(directory, repository, space)
    if dry_run:
        return _preview(contents, repository, revision)
    with spinner() as say:
        say(f"pushing {_size(contents)} to {repository} ...")
        commit, found = hub.push(contents, repository,
                                 message or f"Push {name} with genotype-zoo {__version__}",
                                 private=private, revision=revision, replace=replace)
    address = f"https://huggingface.co/spaces/{repository}" if space else \
        str(Address(repository, commit))
    if found.is_same:
        typer.echo(f"{address}: the same {_size(contents)} are there already; nothing to upload")
    else:
        typer.echo(f"{address}: {_size(contents)}; {_changes(found)}")
    if not space:
        typer.echo("next: " + command("zoo", "build", Address(repository, revision), "--export",
                                      "tfjs"))


def _contents(directory: Path, repository: str, space: bool) -> tuple[Contents, str]:
    """The files to push, and the name of what they are."""
    from export import publish
    from web_demo import space as spaces

    if space:
        return spaces.contents(directory, repository), directory.resolve().name
    if spaces.is_site(directory):
        raise spaces.SiteError(f"{directory} is a site of `zoo demo --build`; push it as a Space "
                               "with --space")
    contents, manifest = publish.contents(directory, repository)
    return contents, manifest.name


def _preview(contents: Contents, repository: str, revision: str | None) -> None:
    """Print what a push would do."""
    from zoo.hub import push as hub
    from zoo.hub.failures import HubError

    found = None
    try:
        found = hub.compare(contents, repository, revision)
    except HubError as error:  # the list of files is useful without the hub
        typer.echo(f"note: not compared with the hub: {error}", err=True)
    changes = {name: what for what, names in (
        ("new", found.new), ("differs", found.changed)) for name in names} if found else {}
    print_table(("file", "bytes", "sha256", "on the hub"), [
        (name, f"{len(content):,}", hashlib.sha256(content).hexdigest()[:16],
         changes.get(name, "same") if found else "?")
        for name, content in sorted(contents.files.items())], right=("bytes",))
    if found is None:
        typer.echo(f"\n{repository}: {_size(contents)}; nothing was sent")
    elif found.is_same:
        typer.echo(f"\n{repository}: the same {_size(contents)} are there already")
    else:
        how = "would be created" if not found.exists else \
            "needs --replace" if found.changed else "would be added to"
        typer.echo(f"\n{repository} {how}: {_changes(found)}; nothing was sent")


def _changes(found: Comparison) -> str:
    counts = {"new": found.new, "replaced": found.changed, "removed": found.removed}
    return ", ".join(f"{len(names)} {what}" for what, names in counts.items() if names)


def _size(contents: Contents) -> str:
    return f"{len(contents.files)} files, {contents.bytes / 1e6:.1f} MB"
