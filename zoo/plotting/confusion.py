"""A confusion matrix as text, CSV and SVG."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from xml.sax.saxutils import escape

import numpy as np

_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
_WITH_COUNTS = 25  # most classes for which squares show counts


def to_csv(confusion: np.ndarray, labels: Sequence[str]) -> str:
    """CSV with a row per true class and a column per predicted class."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["class", *labels])
    writer.writerows([label, *row] for label, row in zip(labels, confusion.tolist()))
    return text.getvalue()


def to_svg(confusion: np.ndarray, labels: Sequence[str], title: str) -> str:
    """SVG with a square per pair of classes, shaded by its share of the row's images."""
    count = len(labels)
    side, font = (36, 12) if count <= _WITH_COUNTS else (10, 8)
    left = top = 20 + round(0.62 * font * max(map(len, labels)))  # room for the longest name
    top += 44
    width = max(left + side * count, 9 * len(title), 300) + 16
    height = top + side * count + 16
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
             f'width="{width}" height="{height}" font-family="{_FONT}" font-size="{font}">',
             f"<title>{escape(title)}</title>",
             f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
             f'<text x="16" y="24" font-size="15" font-weight="600" fill="#1d2530">'
             f"{escape(title)}</text>",
             '<text x="16" y="42" font-size="12" fill="#596473">rows: true class; '
             "columns: predicted class</text>"]
    for number, label in enumerate(labels):
        at = (number + 0.5) * side
        parts.append(f'<text x="{left - 6}" y="{top + at:g}" text-anchor="end" '
                     f'dominant-baseline="central" fill="#1d2530">{escape(label)}</text>')
        parts.append(f'<text transform="translate({left + at:g} {top - 6}) rotate(-90)" '
                     f'dominant-baseline="central" fill="#1d2530">{escape(label)}</text>')
    shares = confusion / np.maximum(confusion.sum(1, keepdims=True), 1)
    for row in range(count):
        for column in range(count):
            if not confusion[row, column] and count > _WITH_COUNTS:
                continue  # skip empty squares: 1,000 classes have a million
            parts.append(_square(left + column * side, top + row * side, side,
                                 int(confusion[row, column]), float(shares[row, column]),
                                 f"{labels[row]} predicted as {labels[column]}",
                                 count <= _WITH_COUNTS))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _square(x: int, y: int, side: int, count: int, share: float, what: str,
            with_count: bool) -> str:
    # The square root makes rare confusions visible next to a diagonal near 1.
    depth = share ** 0.5
    red, green, blue = (round(255 + (dark - 255) * depth) for dark in (22, 56, 111))
    text = ""
    if with_count and count:
        ink = "#ffffff" if depth > 0.55 else "#1d2530"
        text = (f'<text x="{x + side / 2:g}" y="{y + side / 2:g}" text-anchor="middle" '
                f'dominant-baseline="central" font-size="11" fill="{ink}">{count}</text>')
    return (f'<g><title>{escape(what)}: {count} ({share:.1%})</title><rect x="{x}" y="{y}" '
            f'width="{side}" height="{side}" fill="rgb({red},{green},{blue})" '
            f'stroke="#e3e7ec" stroke-width="0.5"/>{text}</g>')


def worst(confusion: np.ndarray, count: int) -> list[tuple[int, int, int]]:
    """The `count` most frequent mistakes: (true class, predicted class, images)."""
    mistakes = confusion.copy()
    np.fill_diagonal(mistakes, 0)
    order = np.argsort(-mistakes, axis=None, kind="stable")[:count]
    pairs = zip(*np.unravel_index(order, mistakes.shape))
    return [(int(a), int(b), int(mistakes[a, b])) for a, b in pairs if mistakes[a, b]]
