"""The head of a static site: its title, and the card that services show for a link to it.

The picture of the card is the drawing of a cell, rasterized with Pillow, because services take no
SVG.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path

from web_demo.artifacts import read_manifest
from zoo.messages.notes import listed

#: The size that services expect of a large card.
WIDTH, HEIGHT = 1200, 630
PICTURE = "preview.png"


def head(artifacts: Mapping[str, Path], url: str | None, pictured: bool = True) -> str:
    """The elements that replace the title of the page: title, description, and the card.

    Without the `url` of the site its picture has a relative address, which not every service
    follows.
    """
    title, description = _words(artifacts)
    home = url or "./"
    card = {
        "og:type": "website", "og:site_name": "genotype-zoo", "og:title": title,
        "og:description": description, **({"og:url": url} if url else {}),
    }
    twitter = {"twitter:card": "summary_large_image" if pictured else "summary",
               "twitter:title": title, "twitter:description": description}
    if pictured:
        card |= {"og:image": f"{home}{PICTURE}", "og:image:width": str(WIDTH),
                 "og:image:height": str(HEIGHT), "og:image:alt": title}
        twitter["twitter:image"] = f"{home}{PICTURE}"
    return "\n    ".join([
        f"<title>{escape(title)} · genotype-zoo</title>",
        *(f'<meta property="{name}" content="{escape(content)}" />'
          for name, content in card.items()),
        *(f'<meta name="{name}" content="{escape(content)}" />'
          for name, content in twitter.items()),
    ])


def _words(artifacts: Mapping[str, Path]) -> tuple[str, str]:
    """Title and description of a site."""
    manifests = [read_manifest(folder) for folder in artifacts.values()]
    if not manifests:
        return "Neural-network cells", "Published cells, running in your browser."
    title = listed([manifest["name"] for manifest in manifests], 3)
    metrics = manifests[0].get("metrics") or {}
    accuracy, data = metrics.get("test_accuracy"), metrics.get("data")
    if len(manifests) == 1 and isinstance(accuracy, float) and data:
        return title, (f"{accuracy:.1%} of the test images of {data} classified correctly. "
                       "Try it: it runs in your browser, and your data stays there.")
    what = "A neural network" if len(manifests) == 1 else "Neural networks"
    return title, f"{what} to try in your browser, where your data stays."


def picture(artifacts: Mapping[str, Path]) -> bytes | None:
    """The card as a PNG: the names, and the drawing of the first network that has one.  None
    without Pillow."""
    try:
        from web_demo.raster import card
    except ImportError:
        return None

    drawings = (folder / "cell.svg" for folder in artifacts.values())
    drawing = next((file.read_text(encoding="utf-8") for file in drawings if file.is_file()), None)
    title, description = _words(artifacts)
    return card(title, description, drawing, (WIDTH, HEIGHT))
