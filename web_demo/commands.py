"""`zoo demo`: the page in a browser."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer


def demo(
    folders: Annotated[list[Path] | None, typer.Argument(
        help="Artifact folders, or folders of them. Default: exports.", show_default=False)] = None,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0: any free one.")] = 8000,
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

    \b
    Example:
      zoo demo exports
      zoo demo exports/DARTS-digits --open
      zoo demo --build site --url https://example.org/cells/
    """
    from web_demo.artifacts import find_artifacts
    from web_demo.server import serve
    from web_demo.site import build_site
    from zoo.messages.notes import listed

    if build is None and (url is not None or not offline):
        raise ValueError("--url and --no-offline are for static sites: add --build SITE")
    places = folders or [Path("exports")]
    artifacts = find_artifacts(places, report=lambda line: typer.echo(f"note: {line}", err=True))
    if not artifacts:
        raise FileNotFoundError(f"no export for browsers in {listed(list(map(str, places)))}; "
                                "make one with `zoo build DARTS --export tfjs`")
    names = listed(list(artifacts))
    if build is not None:
        build_site(artifacts, build, offline=offline, url=url)
        typer.echo(f"{build}: the page with {names}; serve it from any web server")
        return
    server = serve(artifacts, port)
    typer.echo(f"{server.url}  ({names}; Ctrl-C stops)")
    if open_page:
        webbrowser.open(server.url)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        typer.echo("stopped", err=True)
    finally:
        server.server_close()
