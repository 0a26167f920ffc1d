"""Rasterize the drawing of a cell: the part of SVG that `zoo.plotting.cell.svg` writes."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

PAPER, INK, QUIET, ACCENT = "#ffffff", "#161d29", "#566072", "#3f51c7"
_SVG = "{http://www.w3.org/2000/svg}"
_FINE = 2  # drawn larger, then scaled down
_MARGIN = 60
_TOP = 200  # of the drawing, below the title
_CURVE = 24  # straight pieces of a Bézier curve
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


@dataclass(frozen=True)
class Style:
    """Attributes that children inherit, and the position of the parent."""

    x: float = 0
    y: float = 0
    stroke: str | None = None
    width: float = 1

    def of(self, element: Element) -> Style:
        moved = [float(one) for one in _NUMBER.findall(element.get("transform", ""))] or [0, 0]
        return Style(self.x + moved[0], self.y + moved[1], element.get("stroke", self.stroke),
                     float(element.get("stroke-width", self.width)))


class Sheet:
    """Draws elements scaled by `scale`, with the origin of the drawing at (left, top)."""

    def __init__(self, size: tuple[int, int], scale: float, left: float,
                 top: float) -> None:
        self.image = Image.new("RGB", size, PAPER)
        self.draw = ImageDraw.Draw(self.image)
        self.scale, self.left, self.top = scale, left, top

    def add(self, element: Element, style: Style) -> None:
        style = style.of(element)
        kind = element.tag.removeprefix(_SVG)
        if kind in ("svg", "g"):
            for child in element:
                self.add(child, style)
        elif kind == "rect":
            self._rect(element, style)
        elif kind == "path":
            points = [self._at(x + style.x, y + style.y) for x, y in outline(element.get("d", ""))]
            self.draw.line(points, fill=style.stroke or INK, width=self._size(style.width),
                           joint="curve")
        elif kind == "text":
            self._text(element, style)

    def _rect(self, element: Element, style: Style) -> None:
        x, y, width, height, radius = (float(element.get(name, 0))
                                       for name in ("x", "y", "width", "height", "rx"))
        corners = [self._at(style.x + x, style.y + y),
                   self._at(style.x + x + width, style.y + y + height)]
        self.draw.rounded_rectangle(corners, min(radius, height / 2) * self.scale,
                                    element.get("fill"), style.stroke, self._size(style.width))

    def _text(self, element: Element, style: Style) -> None:
        size = float(element.get("font-size", 12))
        y = style.y + float(element.get("y", 0))
        runs = [(element.text or "", size, y)]
        for child in element:  # tspan
            y += float(child.get("dy", 0))
            runs += [(child.text or "", float(child.get("font-size", size)), y),
                     (child.tail or "", size, y)]
        # The font of Pillow has no minus sign.
        parts = [(text.replace("−", "-"), font(size * self.scale), y) for text, size, y in runs]
        total = sum(face.getlength(text) for text, face, _ in parts)
        x, _ = self._at(style.x + float(element.get("x", 0)), 0)
        x -= total / 2 if element.get("text-anchor") == "middle" else 0
        for text, face, y in parts:
            self.draw.text((x, self._at(0, y)[1]), text, element.get("fill", INK), face, "ls")
            x += face.getlength(text)

    def _at(self, x: float, y: float) -> tuple[float, float]:
        return self.left + x * self.scale, self.top + y * self.scale

    def _size(self, width: float) -> int:
        return max(1, round(width * self.scale))


def outline(path: str) -> list[tuple[float, float]]:
    """The points of a path of the commands M, L and C; curves are cut into straight pieces.

    Examples:
        >>> outline("M0 0L2 3")
        [(0.0, 0.0), (2.0, 3.0)]
    """
    points: list[tuple[float, float]] = []
    for command, rest in re.findall(r"([MLC])([^MLC]*)", path):
        numbers = [float(one) for one in _NUMBER.findall(rest)]
        pairs = list(zip(numbers[::2], numbers[1::2]))
        if command != "C":
            points += pairs
            continue
        for at in range(0, len(pairs), 3):
            corners = [points[-1], *pairs[at:at + 3]]
            points += [_bezier(corners, step / _CURVE) for step in range(1, _CURVE + 1)]
    return points


def _bezier(corners: list[tuple[float, float]], t: float) -> tuple[float, float]:
    weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3)
    x, y = (sum(weight * corner[axis] for weight, corner in zip(weights, corners))
            for axis in (0, 1))
    return x, y


def font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def card(title: str, line: str, drawing: str | None, size: tuple[int, int]) -> bytes:
    """A PNG with a title, a line below it, and the SVG `drawing`, fitted into the rest.

    A drawing that is not XML is left out.
    """
    width, height = size[0] * _FINE, size[1] * _FINE
    try:
        root = ElementTree.fromstring(drawing) if drawing else None
    except ElementTree.ParseError:
        root = None
    left, top, scale = 0.0, 0.0, 1.0
    if root is not None:
        _, above, wide, high = (float(one) for one in root.get("viewBox", "0 0 1 1").split())
        # The drawing has a title of its own, which would repeat that of the card.
        hidden = 34.0 if above == 0 else 0.0
        room = (width - 2 * _MARGIN * _FINE, height - (_TOP + 30) * _FINE)
        scale = min(room[0] / wide, room[1] / (high - hidden), 1.6 * _FINE)
        left = (width - wide * scale) / 2
        top = _TOP * _FINE - (above + hidden) * scale
    sheet = Sheet((width, height), scale, left, top)
    if root is not None:
        sheet.add(root, Style())
        sheet.draw.rectangle((0, 0, width, _TOP * _FINE), PAPER)
    sheet.draw.rectangle((0, 0, width, 12 * _FINE), ACCENT)
    place = _MARGIN * _FINE
    sheet.draw.text((place, 62 * _FINE), "genotype-zoo", ACCENT, font(26 * _FINE), "ls")
    sheet.draw.text((place, 124 * _FINE), fitted(title, 56 * _FINE, width - 2 * place), INK,
                    font(56 * _FINE), "ls")
    sheet.draw.text((place, 170 * _FINE), fitted(line, 26 * _FINE, width - 2 * place), QUIET,
                    font(26 * _FINE), "ls")
    file = io.BytesIO()
    sheet.image.resize(size, Image.Resampling.BOX).save(file, "PNG", optimize=True)
    return file.getvalue()


def fitted(text: str, size: float, room: float) -> str:
    """The text, cut at its end to a width of `room` pixels.

    Examples:
        >>> fitted("a cell", 20, 500)
        'a cell'
    """
    if font(size).getlength(text) <= room:
        return text
    while text and font(size).getlength(f"{text}...") > room:
        text = text[:-1]
    return f"{text}..."
