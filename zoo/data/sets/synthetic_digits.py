"""Synthetic handwritten digits, in the format of scikit-learn's scans.

The scans come from thirteen people of one country: nearly every 7 has a bar and every 4 the same
shape.  Visitors of the page write differently, so the digits recipe adds these drawings to the
training images.  Each is a pen stroke with random slant, proportions and wobble, preprocessed like
the scans (M. Garris et al., "NIST Form-Based Handprint Recognition System", NISTIR 5469, 1994):
sheared until top and bottom start in the same column, stretched to 20x32 in the center of 32x32,
normalized to a fixed amount of ink, and counted in 4x4 blocks.
"""

from __future__ import annotations

import numpy as np

Stroke = np.ndarray  # (points, 2): x to the right, y down, in a box of 0..1

_BITMAP, _BLOCK, _FRAME_WIDTH = 32, 4, 20
_INK = 313  # inked pixels of a scan's bitmap, on average
_ROW = 0.06  # distance from top and bottom, relative to the height, that counts as the edge
_PEN = 0.16  # width of the pen relative to the height


def draw(count: int, seed: int | list[int]) -> tuple[np.ndarray, np.ndarray]:
    """`count` drawings, float32 (count, 8, 8, 1) 0..255 with ink high, and their labels."""
    random = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int64) % 10
    images = np.stack([_scan(_hand(int(label), random)) for label in labels])
    return images.astype(np.float32)[..., None], labels


# --- strokes --------------------------------------------------------------------------------


def _arc(x: float, y: float, wide: float, high: float, first: float, last: float
         ) -> list[tuple[float, float]]:
    """Points of an elliptic arc around (x, y), in degrees clockwise from the right."""
    turns = np.radians(np.linspace(first, last, max(4, int(abs(last - first) / 25))))
    return [(x + wide * np.cos(turn), y + high * np.sin(turn)) for turn in turns]


# The variants of each digit, each a list of strokes.
_VARIANTS = [
    [[_arc(.5, .5, .4, .5, -90, 275)], [_arc(.5, .5, .45, .5, -60, 290)]],
    [[[(.5, 0), (.5, 1)]], [[(.25, .25), (.55, 0), (.55, 1)]],
     [[(.25, .2), (.5, 0), (.5, 1)], [(.2, 1), (.8, 1)]]],
    [[_arc(.45, .27, .4, .27, -170, 20) + [(.1, 1), (.9, 1)]],
     [_arc(.45, .25, .4, .25, -160, 45) + [(.35, .8)] + _arc(.22, .88, .18, .12, -30, -300)
      + [(.55, .95), (.95, .9)]],
     [_arc(.5, .22, .38, .22, -170, 60) + [(.4, .75)] + _arc(.3, .8, .28, .18, 60, 320)
      + [(.6, .9), (1, .95)]],
     [[(.1, .1), (.5, 0), (.85, .2), (.6, .6), (.1, 1), (.95, .95)]]],
    [[_arc(.4, .25, .4, .25, -150, 80) + _arc(.4, .73, .47, .27, -80, 150)],
     [[(.1, 0), (.85, 0), (.4, .4)] + _arc(.4, .7, .45, .3, -80, 150)]],
    [[[(.35, 0), (.05, .6), (.95, .6)], [(.7, .3), (.65, 1)]],
     [[(.15, 0), (.1, .5), (.8, .5)], [(.8, 0), (.8, 1)]],
     [[(.9, .65), (.05, .65), (.7, 0), (.7, 1)]],
     [[(.1, .05), (.15, .45), (.5, .5), (.85, .4)], [(.85, 0), (.75, 1)]]],
    [[[(.85, 0), (.2, 0), (.15, .42)] + _arc(.42, .69, .45, .31, -110, 140)],
     [[(.25, .02), (.2, .42)] + _arc(.42, .69, .42, .31, -100, 150), [(.25, .02), (.9, 0)]]],
    [[[(.7, 0), (.35, .25), (.12, .6)] + _arc(.48, .73, .38, .27, 180, -170)],
     [[(.4, 0), (.15, .4), (.1, .7)] + _arc(.45, .76, .36, .24, 170, -190)],
     [[(.25, 0), (.15, .5), (.15, .8)] + _arc(.5, .8, .34, .2, 160, -160)]],
    [[[(.05, .03), (.9, 0), (.4, 1)]], [[(.1, .2), (.1, 0), (.9, 0), (.45, 1)]],
     [[(.05, .05), (.85, 0), (.65, .4), (.5, 1)]],
     [[(.05, .03), (.9, 0), (.4, 1)], [(.25, .5), (.85, .45)]]],
    [[_arc(.5, .25, .36, .25, 60, -240) + _arc(.5, .75, .42, .25, -60, 240)],
     [_arc(.5, .24, .36, .24, -90, 270), _arc(.5, .74, .44, .26, -90, 270)],
     [[(.8, .1), (.5, 0), (.2, .2), (.5, .45), (.85, .75), (.5, 1), (.15, .78), (.5, .48),
       (.8, .12)]]],
    [[_arc(.48, .28, .38, .28, 0, -350) + [(.85, .3), (.75, 1)]],
     [_arc(.48, .27, .38, .27, -20, -370) + [(.86, .5), (.75, .85), (.45, 1), (.2, .92)]],
     [_arc(.45, .27, .38, .27, -10, -355) + [(.83, 0), (.83, 1)]]],
]


def _hand(digit: int, random: np.random.Generator) -> list[Stroke]:
    """One digit in random handwriting: slanted, squeezed, wobbling."""
    variants = _VARIANTS[digit]
    strokes = [_smooth(np.asarray(points)) for points in variants[random.integers(len(variants))]]
    angle, slant = np.radians(random.normal(0, 8)), random.normal(-0.1, 0.25)
    squeeze = np.exp(random.normal(0, 0.2))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shape = turn @ np.array([[0.7 * squeeze, slant], [0, 1]])
    # Varies the relative size of loops: heights and widths change from top to bottom.
    power, taper = np.exp(random.normal(0, 0.2)), random.normal(0, 0.45)
    # A slow wave across the image bends strokes without breaking them.
    wave = random.normal(0, 0.05, (2, 2, 2)), random.uniform(0, 2 * np.pi, (2, 2, 2))
    moved = []
    for stroke in strokes:
        bend = sum(wave[0][axis, order] * np.sin((order + 1) * np.pi * stroke[:, axis, None]
                                                 + wave[1][axis, order])
                   for axis in range(2) for order in range(2))
        x, y = (stroke + bend + random.normal(0, 0.025, 2)).T
        y = y.clip(0) ** power
        x = 0.5 + (x - 0.5) * np.exp(taper * (y - 0.5))
        moved.append(np.stack([x, y], axis=1) @ shape.T)
    return moved


def _smooth(points: np.ndarray) -> np.ndarray:
    """Cut corners (Chaikin 1974) but keep the ends; arcs, with many points, are smooth already."""
    if not 3 <= len(points) <= 10:
        return points
    inner = np.stack([points[:-1] * 0.75 + points[1:] * 0.25,
                      points[:-1] * 0.25 + points[1:] * 0.75], axis=1).reshape(-1, 2)
    return np.concatenate([points[:1], inner[1:-1], points[-1:]])


# --- the scan -------------------------------------------------------------------------------


def _scan(strokes: list[Stroke]) -> np.ndarray:
    """(8, 8) ink levels, 0..255, of the strokes in the format of the data set."""
    strokes = _shear(strokes)
    radius = 2.2
    for _ in range(2):  # approximates the pen radius that gives the right amount of ink
        distance = _distance(_stretch(strokes, radius))
        radius = np.sqrt(np.partition(distance, _INK, axis=None)[_INK])
    bitmap = np.less(distance, radius**2)
    blocks = bitmap.reshape(_BITMAP // _BLOCK, _BLOCK, _BITMAP // _BLOCK, _BLOCK)
    return blocks.sum(axis=(1, 3)) * 255 / _BLOCK**2


def _shear(strokes: list[Stroke]) -> list[Stroke]:
    points = np.concatenate(strokes)
    top, bottom = points[:, 1].min(), points[:, 1].max()
    reach = _ROW * (bottom - top)
    start = [points[abs(points[:, 1] - y) <= reach, 0].min() for y in (top, bottom)]
    slope = (start[1] - start[0]) / (bottom - top)
    return [np.stack([s[:, 0] - slope * (s[:, 1] - top), s[:, 1]], axis=1) for s in strokes]


def _stretch(strokes: list[Stroke], radius: float) -> list[Stroke]:
    points = np.concatenate(strokes)
    low, size = points.min(axis=0), np.ptp(points, axis=0)
    pen = _PEN * size.max()  # keeps a plain 1 from being stretched to 20 pixels
    scale = np.array([_FRAME_WIDTH / (size[0] + pen),
                      (_BITMAP - 2 * radius) / max(size[1], pen)])
    return [_BITMAP / 2 + (stroke - low - size / 2) * scale for stroke in strokes]


def _distance(strokes: list[Stroke]) -> np.ndarray:
    """(32, 32), the squared distance of each pixel's center from the nearest stroke."""
    first = np.concatenate([stroke[:-1] for stroke in strokes])[:, :, None, None]
    step = np.concatenate([np.diff(stroke, axis=0) for stroke in strokes])[:, :, None, None]
    place = np.arange(_BITMAP) + 0.5
    x, y = place[None, None, :] - first[:, 0], place[None, :, None] - first[:, 1]
    across, down = step[:, 0], step[:, 1]
    along = (x * across + y * down) / np.maximum(across**2 + down**2, 1e-12)
    along = along.clip(0, 1)
    return ((x - along * across)**2 + (y - along * down)**2).min(axis=0)
