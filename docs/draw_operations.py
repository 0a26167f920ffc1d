"""Draws the convolutional operations of the registry as small SVGs: kernel, dilation, stride, and
order of layers.  `docs/hooks.py` includes them in the page on cells.

    python docs/draw_operations.py FOLDER       # writes one SVG per operation
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

from torch import nn

from zoo.genotypes.conv import CONV_OPERATIONS
from zoo.models.operations import FactorizedReduce, Identity, Noise, Pool, Zero, operation

CHANNELS = 16  # a depthwise convolution has as many groups
PIXEL, LINE, GAP, TOP = 7, 13, 16, 4

Point = tuple[int, int]


@dataclass(frozen=True)
class Step:
    """A layer: captions, the pixels (row, column) that it reads, and the stride."""

    captions: tuple[str, ...]
    taps: tuple[Point, ...] = ()
    others: tuple[Point, ...] = ()  # drawn in a second color
    size: Point = (1, 1)
    stride: Point = (1, 1)
    filled: bool = True  # weights, not a maximum or an average


def steps(module: nn.Module) -> list[Step]:
    """The layers of an operation in the order of computation."""
    if isinstance(module, nn.Conv2d):
        return [_convolution(module)]
    if isinstance(module, Pool):
        side = module.kernel
        return [Step((f"{module.kind} {side}×{side}",), _grid((side, side), (1, 1)),
                     size=(side, side), stride=(module.stride, module.stride), filled=False)]
    if isinstance(module, FactorizedReduce):
        even, odd = _grid((2, 2), (2, 2)), tuple((r + 1, c + 1) for r, c in _grid((2, 2), (2, 2)))
        halves = Step(("two 1×1, half of the", "channels each, stride 2"), even, odd, (4, 4))
        return [*steps(module.relu), halves, *steps(module.bn)]
    if isinstance(module, Zero):
        return [Step(("zero",), stride=(module.stride, module.stride))]
    if isinstance(module, Noise):
        return [Step(("noise",), stride=(module.stride, module.stride))]
    if isinstance(module, Identity):
        return [Step(("identity",))]
    if isinstance(module, nn.BatchNorm2d):
        return [Step(("batch-norm",))]
    children = list(module.children())
    if not children:
        return [Step((type(module).__name__,))]
    return [step for child in children for step in steps(child)]


def _convolution(conv: nn.Conv2d) -> Step:
    (height, width), (down, right) = conv.kernel_size, conv.dilation
    kind = {1: "", conv.in_channels: "depthwise"}.get(conv.groups, f"{conv.groups} groups")
    captions = [f"{kind} {height}×{width}".strip()]
    if max(down, right) > 1:
        captions.append(f"dilation {max(down, right)}")
    size = ((height - 1) * down + 1, (width - 1) * right + 1)
    return Step(tuple(captions), _grid((height, width), (down, right)), size=size,
                stride=(conv.stride[0], conv.stride[1]))


def _grid(size: Point, apart: Point) -> tuple[Point, ...]:
    return tuple((row * apart[0], column * apart[1])
                 for row in range(size[0]) for column in range(size[1]))


def rows(name: str) -> list[list[Step]]:
    """One row of layers, or two if the operation has other layers at stride 2."""
    plain, strided = (steps(operation(name, CHANNELS, stride)) for stride in (1, 2))
    if [step.captions for step in plain] != [step.captions for step in strided]:
        return [[replace(step, stride=(1, 1)) for step in row] for row in (plain, strided)]
    named = []
    for one, two in zip(plain, strided):
        sides = ["s" if b != a else str(a) for a, b in zip(one.stride, two.stride)]
        label = f"stride {'s' if sides == ['s', 's'] else '×'.join(sides)}"
        more = (label,) if one.stride != two.stride else ()
        named.append(replace(one, captions=one.captions + more))
    return [named]


def svg(name: str) -> str:
    """The drawing, in the color of the surrounding text."""
    parts: list[str] = []
    width, y = 0, 0
    drawn = rows(name)
    for number, row in enumerate(drawn):
        x, tall = 0, max(PIXEL * step.size[0] if step.taps else LINE for step in row)
        if len(drawn) > 1:
            parts.append(f'<text x="0" y="{y + LINE}">stride {number + 1}</text>')
            y += LINE
        for position, step in enumerate(row):
            if position:
                parts.append(f'<path d="M{x + 2} {y + TOP + tall // 2}h{GAP - 6}m-4 -3l4 3l-4 3" '
                             'fill="none" stroke="currentColor"/>')
                x += GAP
            tile, across = _tile(step, x, y, tall)
            parts.append(tile)
            x += across
        captions = max(len(step.captions) - (not step.taps) for step in row)
        width, y = max(width, x), y + TOP + tall + LINE * captions + 8
    return (f'<svg xmlns="http://www.w3.org/2000/svg" class="operation" role="img" '
            f'aria-label="{escape(name)}" width="{width}" height="{y}" viewBox="0 0 {width} {y}" '
            'font-family="sans-serif" font-size="10.5" fill="currentColor">'
            + "".join(parts) + "</svg>")


def _tile(step: Step, x: int, y: int, tall: int) -> tuple[str, int]:
    """A layer at (x, y) in a row of height `tall`, and its width."""
    height, width = (side * PIXEL for side in step.size)
    across = max(width, *(round(6.3 * len(line)) for line in step.captions))
    left, top = x + (across - width) / 2, y + TOP + (tall - height) / 2
    parts = []
    if step.taps:
        paint = ('fill="{}"' if step.filled else
                 'fill="{0}" fill-opacity=".25" stroke="{0}" stroke-width=".8"')
        for taps, color in ((step.taps, "#3b82d6"), (step.others, "#e08a2c")):
            parts += [f'<rect x="{left + c * PIXEL:g}" y="{top + r * PIXEL:g}" width="{PIXEL}" '
                      f'height="{PIXEL}" {paint.format(color)}/>' for r, c in taps]
        lines = "".join(f"M{left:g} {top + i * PIXEL:g}h{width}" for i in range(step.size[0] + 1))
        lines += "".join(f"M{left + i * PIXEL:g} {top:g}v{height}" for i in range(step.size[1] + 1))
        parts.append(f'<path d="{lines}" stroke="currentColor" stroke-opacity=".35"/>')
        base = y + TOP + tall + LINE
    else:
        base = y + TOP + tall // 2 + 4
    parts += [f'<text x="{x + across / 2:g}" y="{base + i * LINE}" text-anchor="middle">'
              f"{escape(line)}</text>" for i, line in enumerate(step.captions)]
    return "".join(parts), across


def operations() -> str:
    """All operations as HTML; names of the same computation share a drawing."""
    names: dict[str, list[str]] = {}
    for name in CONV_OPERATIONS:
        names.setdefault(svg(name).replace(f'aria-label="{name}"', ""), []).append(name)
    return "\n\n".join(
        f'<figure class="operation"><figcaption>{", ".join(f"<code>{n}</code>" for n in same)}: '
        f"{CONV_OPERATIONS[same[0]]}</figcaption>{svg(same[0])}</figure>"
        for same in names.values())


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for each in CONV_OPERATIONS:
        (folder / f"{each}.svg").write_text(svg(each), encoding="utf-8")
