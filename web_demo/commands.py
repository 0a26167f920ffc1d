"""`zoo demo`: the page in a browser."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer


def demo(
    folders: Annotated[list[Path] | None, typer.Argument(
        help="Artifact folders, runs of `search run`, or folders of them. Default: exports.",
        show_default=False)] = None,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0: any free one.")] = 8000,
    gallery: Annotated[bool, typer.Option(
        "--gallery", help="Show the published cells with shipped weights; those that the folder "
        "exports lacks are exported first.")] = False,
    build: Annotated[Path | None, typer.Option(
        help="Write a static site with the page and models to this folder instead.")] = None,
    url: Annotated[str | None, typer.Option(
        help="Address of the static site, for the card that services show for links to it.",
        show_default=False)] = None,
    offline: Annotated[bool, typer.Option(
        help="Keep the static site for visits without a connection.")] = True,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Serve the demo page with your exports on this machine.

    For a search it serves the report, which is updated while the search runs.

    \b
    Example:
      zoo demo exports
      zoo demo exports/DARTS-digits --open
      zoo demo runs/search-darts1-digits-0
      zoo demo --gallery
      zoo demo --build site --url https://example.org/cells/
    """
    from web_demo.artifacts import find_artifacts
    from web_demo.runs import address, find_runs
    from web_demo.server import serve
    from web_demo.site import build_site
    from zoo.messages.notes import listed

    if build is None and (url is not None or not offline):
        raise ValueError("--url and --no-offline are for static sites: add --build SITE")
    places = folders or ([] if gallery else [Path("exports")])
    if gallery:
        places = [*places, *_published()]
    runs = find_runs(places)
    without_runs = [path for path in places if not find_runs([path])]
    artifacts = find_artifacts(without_runs,
                               report=lambda line: typer.echo(f"note: {line}", err=True))
    if not artifacts and not runs:
        raise FileNotFoundError(f"no export for browsers in {listed(list(map(str, places)))}; "
                                "make one with `zoo build DARTS --export tfjs`")
    names = listed([*artifacts, *runs])
    if build is not None:
        build_site(artifacts, build, runs=runs, offline=offline, url=url)
        typer.echo(f"{build}: the page with {names}; serve it from any web server")
        return
    server = serve(artifacts, port, runs=runs)
    reports = [f"{server.url}{address(name)}?live" for name in runs]
    pages = [f"{server.url}{'?panel=gallery' if gallery else ''}"] if artifacts else []
    first, *others = [*pages, *reports]
    typer.echo(f"{first}  ({names}; Ctrl-C stops)")
    for address_of_run in others:
        typer.echo(address_of_run)
    if open_page:
        webbrowser.open(first)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        typer.echo("stopped", err=True)
    finally:
        server.server_close()


def _published() -> list[Path]:
    """The exports of the published cells, built where they are missing."""
    from export.published import build_published
    from zoo.commands.progress import spinner

    with spinner() as say:
        return build_published(Path("exports"), started=lambda name: say(f"exporting {name} ..."))
