"""``python -m web_demo.tools.draw_icons``: the icon of the page as PNG, for installed pages."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw

FOLDER = Path(__file__).parents[1] / "public"
SIZES = (192, 512)
_FINE = 4  # drawn larger, then scaled down
_UNIT = 32  # side of icon.svg
_BLUE, _WHITE = "#3f51c7", "#ffffff"
#: As in icon.svg, with a margin that survives the cut of launchers.
_LINES = (((8, 10), (16, 10)), ((8, 22), (16, 22)), ((8, 10), (16, 22)), ((16, 10), (24, 16)),
          ((16, 22), (24, 16)))
_NODES = ((8, 10, 3), (8, 22, 3), (16, 10, 3), (16, 22, 3), (24, 16, 3.4))
_SHRINK = 0.8
_SHADES = 16  # of blue to white: a quarter of the bytes of RGB, with no visible difference


def icon(size: int) -> Image.Image:
    """The icon, filling its square: launchers round the corners."""
    side = size * _FINE
    image = Image.new("RGB", (side, side), _BLUE)
    draw = ImageDraw.Draw(image)
    scale = side / _UNIT * _SHRINK
    shift = side * (1 - _SHRINK) / 2
    for line in _LINES:
        draw.line([(shift + x * scale, shift + y * scale) for x, y in line], _WHITE,
                  round(2 * scale))
    for x, y, radius in _NODES:
        draw.circle((shift + x * scale, shift + y * scale), radius * scale, _WHITE)
    smooth = image.resize((size, size), Image.Resampling.LANCZOS)
    return smooth.convert("P", palette=Image.Palette.ADAPTIVE, colors=_SHADES)


def draw(folder: Path = FOLDER) -> list[Path]:
    """Write icon-SIZE.png of every size into `folder`, and return the files."""
    files = [folder / f"icon-{size}.png" for size in SIZES]
    for size, file in zip(SIZES, files):
        icon(size).save(file, "PNG", optimize=True)
    return files


if __name__ == "__main__":
    print(*draw(), sep="\n")
