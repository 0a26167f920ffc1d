"""Hand-drawn digits as pen paths, relative to the side of the pad."""

from __future__ import annotations

from math import cos, pi, sin

Stroke = list[tuple[float, float]]


def arc(x: float, y: float, wide: float, high: float, first: float, last: float) -> Stroke:
    """An elliptical arc around (x, y); angles in degrees, clockwise from the right."""
    turns = [(first + (last - first) * step / 9) * pi / 180 for step in range(10)]
    return [(x + wide * cos(turn), y + high * sin(turn)) for turn in turns]


DIGITS: dict[str, list[Stroke]] = {
    "0": [arc(0.5, 0.5, 0.2, 0.33, -80, 285)],
    "1": [[(0.4, 0.3), (0.53, 0.16), (0.53, 0.86)]],
    "2": [arc(0.48, 0.32, 0.19, 0.16, -170, 30) + [(0.32, 0.82), (0.72, 0.82)]],
    "3": [arc(0.47, 0.32, 0.18, 0.17, -150, 85) + arc(0.47, 0.66, 0.21, 0.18, -85, 150)],
    "4": [[(0.45, 0.16), (0.28, 0.58), (0.74, 0.58)], [(0.6, 0.36), (0.57, 0.88)]],
    "5": [[(0.68, 0.17), (0.38, 0.17), (0.35, 0.46)] + arc(0.47, 0.64, 0.2, 0.2, -115, 145)],
    "6": [[(0.6, 0.15), (0.42, 0.36), (0.33, 0.6)] + arc(0.5, 0.68, 0.17, 0.17, 180, -175)],
    "7": [[(0.28, 0.18), (0.7, 0.18), (0.55, 0.5), (0.45, 0.86)]],
    "8": [arc(0.5, 0.33, 0.15, 0.16, 60, -240) + arc(0.5, 0.67, 0.18, 0.18, -60, 240)],
    "9": [arc(0.49, 0.34, 0.17, 0.18, 0, -350) + [(0.67, 0.36), (0.64, 0.86)]],
}
