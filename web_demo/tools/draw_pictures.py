"""``python -m web_demo.tools.draw_pictures``: draw one picture per class of CIFAR-10, for the page.

The photos of the data set have no clear license, so these are drawn: flat shapes with light and
shadow, blur and grain like a small photo.  Needs Pillow.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

FOLDER = Path(__file__).parents[1] / "public" / "pictures"
SIDE = 128
_FINE = 4  # supersampling factor, for smooth edges

Color = tuple[int, int, int]
Point = tuple[float, float]


class Sheet:
    """A square canvas with sides of 100 units."""

    def __init__(self, top: Color, bottom: Color, horizon: float = 100,
                 ground: Color = (0, 0, 0), near: Color | None = None) -> None:
        side = SIDE * _FINE
        rows = np.linspace(0, 100, side)[:, None]
        sky = np.array(top) + (np.array(bottom) - np.array(top)) * np.minimum(rows / horizon, 1)
        down = np.clip((rows - horizon) / max(100 - horizon, 1), 0, 1)
        earth = np.array(ground) + (np.array(near or ground) - np.array(ground)) * down
        column = np.where(rows < horizon, sky, earth)
        pixels = np.repeat(column[:, None], side, axis=1)
        self.image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))

    def blotches(self, color: Color, count: int, size: float, seed: int, top: float = 0,
                 bottom: float = 100) -> None:
        """Draw blurred patches, like leaves or waves."""
        random = np.random.default_rng(seed)
        layer = Sheet.__new__(Sheet)
        layer.image = self.image.copy()
        for _ in range(count):
            x, y = random.uniform(0, 100), random.uniform(top, bottom)
            wide, high = random.uniform(0.4, 1, 2) * size
            layer.oval(x, y, wide, high * 0.6, color)
        soft = layer.image.filter(ImageFilter.GaussianBlur(size * 0.5 * self._scale))
        self.image = Image.blend(self.image, soft, 0.75)

    @property
    def _scale(self) -> float:
        return self.image.width / 100

    def shape(self, points: Sequence[Point], color: Color) -> None:
        """Draw a polygon."""
        ImageDraw.Draw(self.image).polygon([(x * self._scale, y * self._scale)
                                            for x, y in points], fill=color)

    def smooth(self, points: Sequence[Point], color: Color) -> None:
        """Draw a closed curve through points (Catmull and Rom 1974)."""
        curve = []
        for i in range(len(points)):
            a, b, c, d = (np.array(points[(i + k) % len(points)]) for k in (-1, 0, 1, 2))
            for t in np.linspace(0, 1, 10, endpoint=False):
                curve.append(tuple(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2
                                          + (3 * b - a - 3 * c + d) * t**3)))
        self.shape(curve, color)

    def oval(self, x: float, y: float, wide: float, high: float, color: Color,
             turned: float = 0) -> None:
        """Draw an ellipse around (x, y) with half axes `wide` and `high`, rotated by degrees."""
        turn = math.radians(turned)
        self.shape([(x + wide * math.cos(a) * math.cos(turn) - high * math.sin(a) * math.sin(turn),
                     y + wide * math.cos(a) * math.sin(turn) + high * math.sin(a) * math.cos(turn))
                    for a in np.linspace(0, 2 * math.pi, 60, endpoint=False)], color)

    def round(self, x: float, y: float, wide: float, high: float, color: Color,
              turned: float = 0) -> None:
        """Draw an ellipse lit from above."""
        for step in range(12):
            light = -0.3 + 0.6 * step / 11
            part = 1 - step / 13
            self.oval(x - 0.12 * wide * step / 11, y - 0.28 * high * step / 11, wide * part,
                      high * part, lit(color, light), turned)

    def line(self, points: Sequence[Point], width: float, color: Color) -> None:
        """Draw a line with round ends."""
        draw = ImageDraw.Draw(self.image)
        scaled = [(x * self._scale, y * self._scale) for x, y in points]
        draw.line(scaled, fill=color, width=round(width * self._scale), joint="curve")
        reach = width * self._scale / 2
        for x, y in scaled:
            draw.ellipse([x - reach, y - reach, x + reach, y + reach], fill=color)

    def photo(self, seed: int) -> Image.Image:
        """The picture at its final size, with blur and grain."""
        image = self.image.filter(ImageFilter.GaussianBlur(0.9 * _FINE))
        pixels = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX)).astype(np.float64)
        random = np.random.default_rng(seed)
        grain = random.normal(0, 5, (SIDE, SIDE, 1)) + random.normal(0, 2, (SIDE, SIDE, 3))
        return Image.fromarray((pixels + grain).clip(0, 255).astype(np.uint8))


def lit(color: Color, light: float) -> Color:
    """Lighten a color for `light` above 0, darken it below."""
    goal = 255 if light > 0 else 0
    red, green, blue = (round(part + (goal - part) * abs(light)) for part in color)
    return red, green, blue


def airplane() -> Sheet:
    sheet = Sheet((92, 150, 214), (178, 208, 238))
    sheet.blotches((225, 236, 248), 6, 22, 1, 55, 95)
    sheet.shape([(52, 49), (30, 20), (38, 20), (66, 48)], (168, 176, 188))
    sheet.smooth([(6, 50), (20, 44), (50, 42), (80, 43), (93, 50), (82, 55), (50, 57), (20, 55)],
                 (238, 240, 244))
    sheet.smooth([(8, 52), (30, 53), (60, 54), (90, 52), (80, 56), (50, 58), (20, 56)],
                 (160, 168, 182))
    sheet.shape([(8, 49), (3, 27), (12, 27), (24, 45)], (52, 84, 150))
    sheet.shape([(12, 50), (4, 58), (10, 58), (24, 53)], (186, 192, 202))
    sheet.shape([(58, 53), (28, 82), (38, 82), (74, 54)], (206, 211, 220))
    sheet.oval(48, 66, 6, 3, (90, 98, 112), -40)
    sheet.shape([(84, 46), (90, 48), (85, 49)], (40, 48, 64))
    for x in range(28, 80, 5):
        sheet.oval(x, 48.5, 1, 1.2, (70, 84, 110))
    return sheet


def automobile() -> Sheet:
    sheet = Sheet((196, 206, 216), (222, 226, 228), 46, (132, 132, 134), (108, 108, 112))
    sheet.blotches((96, 122, 88), 12, 14, 2, 24, 46)
    sheet.oval(50, 79, 44, 5, (62, 62, 66))
    red = (196, 30, 34)
    sheet.smooth([(7, 64), (9, 55), (24, 50), (36, 36), (62, 35), (76, 50), (91, 54), (94, 66),
                  (90, 74), (10, 74)], red)
    sheet.smooth([(8, 66), (50, 62), (93, 66), (90, 75), (10, 75)], lit(red, -0.35))
    sheet.shape([(29, 50), (38, 39), (48, 38.5), (48, 50)], (44, 54, 68))
    sheet.shape([(51, 50), (51, 38.5), (61, 38.5), (71, 50)], (52, 64, 80))
    sheet.shape([(33, 46), (38, 40), (42, 40), (36, 47)], (130, 148, 168))
    sheet.line([(12, 55), (88, 55.5)], 0.9, lit(red, 0.35))
    sheet.line([(49.5, 51), (49.5, 70)], 0.6, lit(red, -0.5))
    for x in (26, 74):
        sheet.oval(x, 73, 10, 10, (22, 22, 24))
        sheet.oval(x, 73, 5.6, 5.6, (176, 180, 186))
        sheet.oval(x, 73, 1.8, 1.8, (70, 72, 76))
    sheet.oval(91, 58, 2.6, 2.2, (250, 244, 206))
    sheet.oval(9, 60, 1.8, 2.4, (250, 140, 110))
    return sheet


def bird() -> Sheet:
    sheet = Sheet((126, 152, 98), (92, 122, 70))
    sheet.blotches((176, 192, 128), 14, 22, 3)
    sheet.line([(0, 84), (45, 80), (100, 86)], 5, (92, 70, 50))
    sheet.line([(45, 66), (43, 81)], 1.6, (70, 48, 36))
    sheet.line([(54, 66), (55, 81)], 1.6, (70, 48, 36))
    sheet.shape([(26, 58), (2, 76), (6, 81), (36, 66)], (78, 60, 50))
    sheet.smooth([(22, 60), (32, 45), (50, 34), (64, 28), (72, 40), (68, 58), (54, 69), (36, 68)],
                 (158, 116, 82))
    sheet.smooth([(46, 66), (58, 54), (70, 40), (72, 50), (64, 64), (54, 70)], (222, 152, 108))
    sheet.round(67, 28, 12, 11, (150, 110, 78))
    sheet.smooth([(24, 60), (34, 48), (52, 42), (56, 50), (42, 62), (24, 70)], (96, 72, 56))
    sheet.line([(28, 62), (52, 48)], 1.2, (190, 160, 130))
    sheet.line([(26, 66), (46, 57)], 1.2, (190, 160, 130))
    sheet.shape([(77, 26), (90, 29), (77, 33)], (64, 54, 44))
    sheet.oval(71, 26, 2.4, 2.4, (16, 14, 14))
    sheet.oval(71.7, 25.2, 0.7, 0.7, (255, 255, 255))
    return sheet


def cat() -> Sheet:
    sheet = Sheet((176, 158, 138), (138, 118, 100))
    sheet.blotches((206, 190, 170), 8, 24, 4)
    fur, dark = (142, 126, 110), (78, 66, 58)
    sheet.round(50, 100, 42, 32, fur)
    sheet.shape([(16, 46), (18, 6), (46, 28)], dark)
    sheet.shape([(84, 46), (82, 6), (54, 28)], dark)
    sheet.shape([(22, 38), (22, 14), (40, 28)], (206, 158, 146))
    sheet.shape([(78, 38), (78, 14), (60, 28)], (206, 158, 146))
    sheet.round(50, 53, 37, 32, fur)
    for x in (40, 50, 60):
        sheet.line([(50 + (x - 50) * 0.7, 22), (x, 37)], 2.6, dark)
    for side in (-1, 1):
        for y in (54, 62, 70):
            sheet.line([(50 + side * 35, y - 2), (50 + side * 25, y)], 2.4, dark)
    sheet.oval(50, 69, 17, 12, (226, 216, 204))
    for x in (34, 66):
        sheet.oval(x, 49, 9, 7.6, (34, 30, 26))
        sheet.oval(x, 49, 7.6, 6.4, (172, 178, 70))
        sheet.oval(x, 49, 2.2, 6, (10, 10, 10))
        sheet.oval(x - 2, 46.6, 1.4, 1.4, (255, 255, 255))
    sheet.shape([(45, 61), (55, 61), (50, 67)], (190, 110, 108))
    sheet.line([(50, 67), (50, 71), (43, 75)], 1, (80, 60, 56))
    sheet.line([(50, 71), (57, 75)], 1, (80, 60, 56))
    for side in (-1, 1):
        for y, end in ((68, 62), (71, 71), (74, 80)):
            sheet.line([(50 + side * 12, y), (50 + side * 42, end)], 0.5, (244, 240, 234))
    return sheet


def deer() -> Sheet:
    sheet = Sheet((92, 116, 72), (126, 140, 86), 62, (134, 138, 74), (110, 118, 60))
    sheet.blotches((58, 82, 48), 16, 20, 5, 0, 60)
    sheet.blotches((168, 162, 96), 12, 12, 6, 66, 100)
    coat, dark = (156, 108, 66), (110, 74, 46)
    for x, foot in ((36, 34), (43, 46), (66, 65), (73, 76)):
        sheet.line([(x, 62), (foot, 77), (foot + 0.5, 93)], 3.4, dark)
    sheet.smooth([(30, 52), (40, 46), (58, 47), (76, 46), (82, 54), (78, 66), (56, 68), (38, 68),
                  (30, 62)], coat)
    sheet.smooth([(38, 65), (56, 64), (74, 65), (70, 69), (42, 69)], (214, 188, 150))
    sheet.oval(82, 53, 3, 4, (236, 226, 210))
    sheet.smooth([(30, 60), (21, 36), (26, 30), (36, 32), (44, 50), (40, 62)], coat)
    sheet.smooth([(11, 37), (20, 26), (31, 25), (34, 33), (26, 38), (14, 41)], coat)
    sheet.oval(12, 39, 2.4, 2, (40, 30, 26))
    sheet.oval(24, 30, 1.5, 1.5, (20, 16, 14))
    sheet.oval(35, 24, 5.5, 2.4, dark, -25)
    sheet.oval(21, 23, 4.5, 2.2, dark, -110)
    horn = (222, 200, 164)
    for tips in ([(29, 24), (33, 12), (44, 4)], [(33, 12), (28, 3)], [(36, 9), (36, 2)],
                 [(25, 24), (20, 12), (10, 6)], [(20, 12), (22, 3)], [(16, 9), (13, 2)]):
        sheet.line(tips, 1.7, horn)
    return sheet


def dog() -> Sheet:
    sheet = Sheet((128, 150, 106), (104, 128, 84))
    sheet.blotches((160, 178, 128), 10, 24, 7)
    coat, dark = (186, 134, 82), (112, 72, 42)
    sheet.round(50, 104, 40, 34, coat)
    sheet.oval(50, 96, 16, 20, (240, 232, 220))
    sheet.round(50, 44, 29, 30, coat)
    sheet.smooth([(46, 16), (54, 16), (57, 42), (60, 60), (40, 60), (43, 42)], (242, 234, 222))
    sheet.smooth([(28, 20), (15, 26), (9, 52), (15, 66), (25, 56), (28, 40)], dark)
    sheet.smooth([(72, 20), (85, 26), (91, 52), (85, 66), (75, 56), (72, 40)], dark)
    sheet.round(50, 62, 20, 17, (240, 230, 216))
    sheet.smooth([(45, 75), (55, 75), (56, 88), (50, 92), (44, 88)], (226, 116, 122))
    sheet.line([(50, 60), (50, 72), (40, 75)], 1.4, (70, 46, 36))
    sheet.line([(50, 72), (60, 75)], 1.4, (70, 46, 36))
    sheet.smooth([(41, 53), (50, 51), (59, 53), (55, 61), (50, 63), (45, 61)], (28, 24, 24))
    sheet.oval(47, 54, 2, 1, (120, 116, 116))
    for x in (37, 63):
        sheet.oval(x, 40, 4.6, 4.8, (46, 28, 18))
        sheet.oval(x - 1.2, 38.6, 1.2, 1.2, (255, 255, 255))
    return sheet


def frog() -> Sheet:
    sheet = Sheet((96, 84, 60), (74, 62, 44))
    sheet.blotches((138, 118, 82), 14, 18, 8)
    skin, dark = (104, 148, 54), (58, 88, 30)
    sheet.smooth([(4, 76), (16, 58), (34, 62), (34, 80), (18, 90)], dark)
    sheet.smooth([(96, 76), (84, 58), (66, 62), (66, 80), (82, 90)], dark)
    sheet.round(50, 66, 33, 23, skin)
    sheet.round(50, 46, 29, 20, skin)
    sheet.smooth([(24, 53), (50, 60), (76, 53), (70, 66), (50, 72), (30, 66)], (206, 208, 140))
    sheet.line([(22, 51), (36, 57), (50, 59), (64, 57), (78, 51)], 1.4, (50, 66, 26))
    for x in (31, 69):
        sheet.round(x, 30, 11, 11, skin)
        sheet.oval(x, 29, 7.6, 7.4, (214, 180, 60))
        sheet.oval(x, 29, 5.2, 3, (14, 14, 10))
        sheet.oval(x - 2.4, 26.6, 1.4, 1.2, (255, 255, 255))
    for x in (46, 54):
        sheet.oval(x, 44, 0.9, 0.7, (40, 56, 20))
    for x, y, size in ((40, 74, 4), (58, 78, 5), (66, 68, 3.4), (33, 66, 3), (50, 84, 3)):
        sheet.oval(x, y, size, size * 0.7, dark)
    for side in (-1, 1):
        sheet.line([(50 + side * 22, 74), (50 + side * 27, 88)], 6, skin)
        for toe in (-6, 0, 6):
            sheet.line([(50 + side * 27, 88), (50 + side * 28 + toe, 94)], 2, skin)
    return sheet


def horse() -> Sheet:
    sheet = Sheet((152, 186, 222), (206, 220, 230), 58, (112, 148, 70), (92, 126, 54))
    sheet.blotches((70, 104, 56), 10, 12, 9, 46, 58)
    coat, dark = (128, 72, 38), (48, 30, 22)
    for x, foot in ((33, 31), (39, 42), (70, 69), (76, 80)):
        sheet.line([(x, 60), (foot, 76), (foot, 93)], 4.4, lit(coat, -0.25))
        sheet.line([(foot, 90), (foot, 94)], 4.8, dark)
    sheet.smooth([(80, 44), (91, 50), (92, 72), (87, 76), (84, 60)], dark)
    sheet.smooth([(26, 50), (36, 42), (56, 45), (72, 40), (83, 46), (82, 60), (70, 66), (48, 67),
                  (32, 66)], coat)
    sheet.smooth([(38, 47), (56, 48), (74, 43), (70, 50), (48, 53)], lit(coat, 0.2))
    sheet.smooth([(26, 62), (20, 34), (22, 20), (30, 15), (38, 24), (48, 46), (38, 58)], coat)
    sheet.smooth([(5, 38), (16, 20), (26, 13), (32, 20), (26, 30), (13, 44), (7, 44)], coat)
    sheet.smooth([(28, 12), (36, 18), (46, 34), (52, 46), (44, 46), (36, 30)], dark)
    sheet.shape([(25, 15), (26, 5), (31, 14)], coat)
    sheet.oval(8, 40, 3.2, 3, lit(coat, -0.4))
    sheet.oval(19, 24, 1.6, 1.6, (14, 10, 8))
    sheet.line([(23, 16), (12, 34)], 2, (236, 228, 218))
    return sheet


def ship() -> Sheet:
    sheet = Sheet((150, 186, 220), (208, 222, 234), 60, (52, 92, 136), (30, 62, 104))
    sheet.blotches((92, 132, 170), 14, 12, 10, 66, 100)
    sheet.shape([(18, 52), (30, 52), (30, 34), (44, 34), (44, 28), (62, 28), (62, 40), (72, 40),
                 (72, 54), (18, 54)], (240, 242, 244))
    sheet.shape([(48, 28), (50, 14), (57, 14), (58, 28)], (202, 54, 44))
    sheet.shape([(49, 18), (57, 18), (57.2, 21), (48.6, 21)], (30, 32, 38))
    sheet.line([(36, 34), (36, 16)], 1, (90, 96, 106))
    sheet.line([(80, 52), (80, 30)], 1, (90, 96, 106))
    sheet.smooth([(4, 53), (30, 54), (70, 54), (97, 48), (90, 62), (84, 72), (50, 73), (14, 72)],
                 (36, 46, 68))
    sheet.smooth([(10, 67), (50, 69), (88, 66), (84, 73), (50, 74), (14, 73)], (158, 44, 40))
    for y in (38, 44, 49):
        for x in range(33, 70, 5):
            sheet.shape([(x, y), (x + 2.6, y), (x + 2.6, y + 2), (x, y + 2)], (84, 104, 128))
    sheet.smooth([(2, 74), (24, 72), (50, 74), (80, 72), (97, 75), (70, 78), (30, 78)],
                 (206, 222, 234))
    return sheet


def truck() -> Sheet:
    sheet = Sheet((158, 186, 214), (214, 222, 228), 58, (126, 126, 126), (98, 98, 100))
    sheet.blotches((102, 122, 92), 10, 12, 11, 44, 58)
    sheet.oval(50, 85, 46, 4, (58, 58, 60))
    sheet.shape([(4, 20), (64, 20), (64, 70), (4, 70)], (232, 234, 236))
    sheet.shape([(4, 60), (64, 60), (64, 70), (4, 70)], (188, 192, 198))
    sheet.shape([(4, 34), (64, 34), (64, 46), (4, 46)], (38, 86, 158))
    for x in range(12, 64, 9):
        sheet.line([(x, 21), (x, 69)], 0.5, (196, 200, 206))
    cab = (202, 62, 38)
    sheet.smooth([(66, 74), (66, 34), (70, 29), (84, 30), (90, 46), (96, 52), (96, 76)], cab)
    sheet.shape([(66, 62), (96, 62), (96, 76), (66, 76)], lit(cab, -0.25))
    sheet.shape([(74, 36), (83, 36), (88, 49), (74, 49)], (58, 76, 96))
    sheet.shape([(76, 38), (80, 38), (78, 47), (76, 47)], (146, 166, 184))
    sheet.shape([(4, 70), (97, 70), (97, 76), (4, 76)], (50, 52, 56))
    sheet.oval(94, 66, 1.8, 2.2, (252, 244, 210))
    for x in (16, 30, 82):
        sheet.oval(x, 77, 8.6, 8.6, (20, 20, 22))
        sheet.oval(x, 77, 4, 4, (164, 168, 174))
    return sheet


PICTURES: tuple[Callable[[], Sheet], ...] = (airplane, automobile, bird, cat, deer, dog, frog,
                                             horse, ship, truck)


def draw(folder: Path = FOLDER) -> list[Path]:
    """Write NAME.jpg of every picture into `folder`, and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number, picture in enumerate(PICTURES):
        files.append(folder / f"{picture.__name__}.jpg")
        picture().photo(number).save(files[-1], quality=88)
    return files


if __name__ == "__main__":
    print(*draw(), sep="\n")
