"""From a picture file to the raw pixels that a network takes, bit for bit as the browser page does.

The middle square of the picture is cut out, and each pixel that the network sees is the mean of
the area that it covers ("box" or area averaging), as far as 8-bit values go: sums of whole
numbers, exact in float64, and one division.  `web_demo/src/image/resize.ts` is the same arithmetic.
Networks of ImageNet see pictures cut as its tests are (`middle`, and
`web_demo/src/image/imagenet.ts`).  Color profiles are left aside, as where training data was
read; the orientation that a camera noted is followed; what is transparent is seen on white paper.
A few rare files a browser reads in its own way: a WebP with an orientation (Chromium leaves it as
it lies), a GIF whose first frame does not fill its screen, a PNG of 16-bit gray with one
transparent value.
"""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zoo.artifact.manifest import Input
from zoo.checkpoints.first_bytes import left_by_download
from zoo.data.base import DataError

if TYPE_CHECKING:
    from PIL import Image

#: What Pillow raises on files that it cannot decode; DecompressionBombError is none of them.
DAMAGED = (OSError, SyntaxError, ValueError, RuntimeError)
#: What phones take, by the brand that it says at its beginning.
_BRANDS = {b"heic": ".heic", b"heix": ".heic", b"hevc": ".heic", b"mif1": ".heic",
           b"msf1": ".heic", b"avif": ".avif", b"avis": ".avif"}
_MOST_PIXELS = 2 ** 27  # of a picture scaled on the way to its middle


class NoRangeError(ValueError):
    """Gray values of which nobody says which one is white; the message has the remedy."""


class PictureError(DataError):
    """A file that is no picture, or one that this network cannot take; the message names it."""


def read_picture(file: Path | str, spec: Input) -> np.ndarray:
    """The picture in `file` as the raw pixels (H, W, C), float32 0..255, of a network's input.

    Raises PictureError for a file that is no picture, and for one that is to be read by a network
    of digits and is not an 8x8 scan; DataError for one too narrow for a network of ImageNet;
    FileNotFoundError when there is no such file.
    """
    pixels = decode(file)
    height, width = spec.height, spec.width
    assert height is not None and width is not None  # as every manifest of an image network says
    if spec.data == "digits" and pixels.shape[:2] != (height, width):
        raise PictureError(
            f"{file} is {pixels.shape[1]}x{pixels.shape[0]}; a network of digits takes scans of "
            f"{width}x{height}, and a digit in a larger picture is traced on the page: "
            "see `zoo demo`")
    if spec.data == "imagenet" and spec.channels == 3 and height == width:
        from PIL import Image

        return np.asarray(middle(Image.fromarray(pixels), height, file), np.float32)
    if spec.channels not in (1, 3):
        raise PictureError(f"{file} has colors, and this network takes {spec.channels} channels; "
                           "a picture fits 1 or 3")
    return area_average(brightness(pixels) if spec.channels == 1 else pixels, height, width)


def decode(file: Path | str) -> np.ndarray:
    """The picture in `file`, upright and on white, uint8 (H, W, 3).  Raises as `read_picture`."""
    with opened(file) as image, told(file):
        return on_white(image)


def opened(file: Path | str) -> Image.Image:
    """The picture in `file`, of which only the head is read yet.  Raises as `read_picture`."""
    try:
        from PIL import Image
    except ModuleNotFoundError:
        raise PictureError(f"{file} needs the package pillow, which is not installed: "
                           "pip install 'genotype-zoo[data]'") from None
    if not Path(file).is_file():
        raise FileNotFoundError(f"there is no picture {file}")
    # Where Pillow warns, it reads; where it refuses, the limit is told.
    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
    with told(file):
        return Image.open(file)


@contextlib.contextmanager
def told(file: Path | str) -> Iterator[None]:
    """Whatever Pillow raises on a picture as a PictureError that says `file` and the remedy."""
    from PIL import Image

    try:
        yield
    except NoRangeError as error:
        raise PictureError(f"{file} {error}") from None
    except Image.DecompressionBombError as error:
        pixels, limit = map(int, re.findall(r"\d+", str(error))[:2])
        raise PictureError(f"{file} has {pixels:,} pixels, over the limit of {limit:,}; scale it "
                           "down, or leave it out") from None
    except DAMAGED as error:
        if isinstance(error, OSError) and error.errno is not None:  # of the file, not what is in it
            raise PictureError(f"{file}: {error.strerror}; make it readable, or leave it "
                               "out") from None
        raise PictureError(f"{file} {_unread(Path(file))}") from None


def _unread(file: Path) -> str:
    """What is in a file that Pillow does not read: the end of a sentence after its name."""
    from zoo.data.picture_files import suffixes  # which needs Pillow

    start = b"?"  # of a row of a table, which is no file
    with contextlib.suppress(OSError), open(file, "rb") as stream:
        start = stream.read(65536)
    if start[4:8] == b"ftyp" and _BRANDS.get(start[8:12], ".") not in (".", *suffixes()):
        return (f"is a {_BRANDS[start[8:12]][1:].upper()} picture, whatever its suffix is, which "
                "Pillow does not read here; save it as JPEG or PNG, or leave it out")
    if re.match(rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<svg", start, re.DOTALL):
        return "is an SVG drawing, which has no pixels; save it as PNG, or leave it out"
    if left := left_by_download(start):
        return f"{left}, or leave it out"
    return ("is no image that can be read: it is damaged, cut off or of another kind; get it "
            "again, or leave it out")


def on_white(image: Image.Image) -> np.ndarray:
    """A picture that Pillow has opened, upright and on white, uint8 (H, W, 3).  Raises what Pillow
    does where it is damaged, NoRangeError where its values have no scale."""
    from PIL import Image

    made_by = image.format
    turn = _TURNS.get(_orientation(image))
    if turn:
        image = image.transpose(Image.Transpose[turn])
    if image.mode[0] in "IF":
        image = Image.fromarray(_eight_bits(image, made_by))
    if not image.has_transparency_data:
        return np.asarray(image.convert("RGB"))
    colors = np.asarray(image.convert("RGBA")).astype(np.int64)
    opacity = colors[..., 3:]
    return ((colors[..., :3] * opacity + 127) // 255 + 255 - opacity).astype(np.uint8)


def _eight_bits(image: Image.Image, made_by: str | None) -> np.ndarray:
    """Gray values of 16 bits, in 16 or in 32, as uint8; Pillow would cut them off at 255.

    Raises NoRangeError for other 32-bit values and for floats: no scale is theirs.
    """
    levels = np.asarray(image)
    if image.mode == "I" and made_by not in _ALWAYS_SIXTEEN:
        low, high = int(levels.min()), int(levels.max())
        # Below 256 they may be 8 bits as well as a dark picture of 16.
        if low < 0 or not 255 < high < 65536:
            raise NoRangeError(f"holds 32-bit gray values from {low} to {high}, of which nothing "
                               "says which one is white; save it with 8 or 16 bits")
    elif image.mode == "F":
        raise NoRangeError(f"holds gray values in floats, from {levels.min():.4g} to "
                           f"{levels.max():.4g}, of which nothing says which one is white; save "
                           "it with 8 or 16 bits")
    return (levels // 256).astype(np.uint8)


_ALWAYS_SIXTEEN = ("PNG", "PPM")  # what Pillow makes of their 16 bits, where it takes 32


# By the orientation of EXIF: what turns a picture upright.
_TURNS = {2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE",
          6: "ROTATE_270", 7: "TRANSVERSE", 8: "ROTATE_90"}


def _orientation(image: Image.Image) -> int:
    try:
        return image.getexif().get(0x0112, 1)
    except Exception:  # of many kinds; a picture whose notes are damaged is one all the same
        return 1


def brightness(pixels: np.ndarray) -> np.ndarray:
    """ITU-R BT.601 luma, as JPEG has it, of uint8 (H, W, 3): uint8 (H, W, 1)."""
    weighted = pixels.astype(np.int64) @ np.array([19595, 38470, 7471])
    return ((weighted + 32768) >> 16).astype(np.uint8)[..., None]


def area_average(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """The middle of uint8 (H, W, C) that has the shape asked for, as float32 (height, width, C).

    >>> area_average(np.array([[[9], [0], [4], [9]]], np.uint8), 1, 1)  # its middle is one pixel
    array([[[0.]]], dtype=float32)
    """
    from_height, from_width = pixels.shape[:2]
    # In units in which both the cut and the pixels wanted have whole sides: no rounding.
    if from_height * width <= from_width * height:
        cut_height, cut_width = from_height, max(1, from_height * width // height)
    else:
        cut_height, cut_width = max(1, from_width * height // width), from_width
    top, left = (from_height - cut_height) // 2, (from_width - cut_width) // 2
    cut = pixels[top:top + cut_height, left:left + cut_width]
    rows = np.stack([np.tensordot(weights, cut[place].astype(np.float64), 1)
                     for place, weights in _covered(cut_height, height)])
    sums = np.stack([np.tensordot(weights, rows[:, place], (0, 1))
                     for place, weights in _covered(cut_width, width)], axis=1)
    return (sums / (cut_height * cut_width)).astype(np.float32)


def _covered(source: int, target: int) -> list[tuple[slice, np.ndarray]]:
    """For each of `target` pixels those of `source` that it covers, and how much of each, in
    1/target of a pixel."""
    covered = []
    for first in range(0, source * target, source):
        place = slice(first // target, -(-(first + source) // target))
        there = np.arange(place.start, place.stop) * target
        shares = np.minimum(there + target, first + source) - np.maximum(there, first)
        covered.append((place, shares.astype(np.float64)))
    return covered


def middle(image: Image.Image, size: int, name: Path | str = "the picture") -> Image.Image:
    """The shorter side scaled to 8/7 of `size`, then the square in the middle.

    Rows are scaled before columns: asked for both at once, Pillow does it in one order or the
    other, by its version and by the shape, and what is between is rounded.
    Raises DataError, which calls it `name`, for one that is some thousand times as tall as wide.
    """
    from PIL import Image

    scale = round(size * 8 / 7) / min(image.size)
    width, height = (round(side * scale) for side in image.size)
    if size * height > _MOST_PIXELS:
        raise DataError(f"{name} is {image.width}x{image.height}, too narrow to cut a square from; "
                        "leave it out")
    left, top = round((width - size) / 2), round((height - size) / 2)
    narrow = image.resize((width, image.height), Image.Resampling.BILINEAR)
    narrow = narrow.crop((left, 0, left + size, image.height))
    scaled = narrow.resize((size, height), Image.Resampling.BILINEAR)
    return scaled.crop((0, top, size, top + size))
