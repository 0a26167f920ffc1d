"""Converts a picture file to the raw pixels of a network's input, bit for bit as the browser page.

Crops the central square and averages the area of each output pixel ("box" filter), with integer
sums, exact in float64, and one division; `web_demo/src/image/resize.ts` does the same.  For
networks trained on ImageNet the picture is cropped as in its evaluation (`middle`, and
`web_demo/src/image/imagenet.ts`).  Color profiles are ignored, as in the training data; the EXIF
orientation is applied; transparency is blended with white.
Browsers differ on a few rare files: a WebP with an orientation (ignored by Chromium), a GIF whose
first frame does not fill its screen, a PNG of 16-bit gray with one transparent value.
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

#: The errors of Pillow for files that it cannot decode, except DecompressionBombError.
DAMAGED = (OSError, SyntaxError, ValueError, RuntimeError)
#: Suffixes of the formats of phone cameras, by the brand in the file header.
_BRANDS = {b"heic": ".heic", b"heix": ".heic", b"hevc": ".heic", b"mif1": ".heic",
           b"msf1": ".heic", b"avif": ".avif", b"avis": ".avif"}
_MOST_PIXELS = 2 ** 27  # of a scaled picture before the crop


class NoRangeError(ValueError):
    """Gray values with an unknown scale; the message has the remedy."""


class PictureError(DataError):
    """A file that is not a picture or does not fit the network; the message names it."""


def read_picture(file: Path | str, spec: Input) -> np.ndarray:
    """Read `file` as the raw pixels (H, W, C), float32 0..255, of a network's input.

    Raises PictureError for a file that is not a picture, or not an 8x8 scan for a network of
    digits; DataError if it is too narrow for a network of ImageNet; FileNotFoundError.
    """
    pixels = decode(file)
    height, width = spec.height, spec.width
    assert height is not None and width is not None  # checked by `Manifest`
    if spec.data == "digits" and pixels.shape[:2] != (height, width):
        raise PictureError(
            f"{file} is {pixels.shape[1]}x{pixels.shape[0]}; a network of digits reads scans of "
            f"{width}x{height}; for a digit in a larger picture use the page of `zoo demo`")
    if spec.data == "imagenet" and spec.channels == 3 and height == width:
        from PIL import Image

        return np.asarray(middle(Image.fromarray(pixels), height, file), np.float32)
    if spec.channels not in (1, 3):
        raise PictureError(f"this network reads {spec.channels} channels, and {file} can only be "
                           "read as 1 or 3")
    return area_average(brightness(pixels) if spec.channels == 1 else pixels, height, width)


def decode(file: Path | str) -> np.ndarray:
    """Read `file` upright and on white, uint8 (H, W, 3).  Raises as `read_picture` does."""
    with opened(file) as image, naming(file):
        return on_white(image)


def opened(file: Path | str) -> Image.Image:
    """Open `file` and read its header.  Raises as `read_picture` does."""
    try:
        from PIL import Image
    except ModuleNotFoundError:
        raise PictureError(f"{file} needs the package pillow, which is not installed: "
                           "pip install 'genotype-zoo[data]'") from None
    if not Path(file).is_file():
        raise FileNotFoundError(f"there is no picture {file}")
    # Pillow reads files that it warns about; the error for larger ones names the limit.
    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
    with naming(file):
        return Image.open(file)


@contextlib.contextmanager
def naming(file: Path | str) -> Iterator[None]:
    """Turn the errors of Pillow into a PictureError that names `file` and the remedy."""
    from PIL import Image

    try:
        yield
    except NoRangeError as error:
        raise PictureError(f"{file} {error}") from None
    except Image.DecompressionBombError as error:
        pixels, limit = map(int, re.findall(r"\d+", str(error))[:2])
        raise PictureError(f"{file} has {pixels:,} pixels, over the limit of {limit:,}; scale it "
                           "down or remove it") from None
    except DAMAGED as error:
        if isinstance(error, OSError) and error.errno is not None:  # an error of the file system
            raise PictureError(f"{file}: {error.strerror}; make it readable or remove "
                               "it") from None
        raise PictureError(f"{file} {_why_unreadable(Path(file))}") from None


def _why_unreadable(file: Path) -> str:
    """Why Pillow cannot read a file, and the remedy: a sentence that continues its name."""
    from zoo.data.picture_files import suffixes  # needs Pillow

    start = b"?"  # for a picture in a table row, which is not a file
    with contextlib.suppress(OSError), open(file, "rb") as stream:
        start = stream.read(65536)
    if start[4:8] == b"ftyp" and _BRANDS.get(start[8:12], ".") not in (".", *suffixes()):
        return (f"is a {_BRANDS[start[8:12]][1:].upper()} picture, which the installed Pillow does "
                "not read; save it as JPEG or PNG, or remove it")
    if re.match(rb"\s*(<\?xml[^>]*>\s*)?(<!--((?!-->).)*-->\s*)*<svg", start, re.DOTALL):
        return "is an SVG drawing, which has no pixels; save it as PNG, or remove it"
    if left := left_by_download(start):
        return f"{left}, or remove it"
    return ("is not a readable image (damaged, truncated or of another kind); get it again, or "
            "remove it")


def on_white(image: Image.Image) -> np.ndarray:
    """An opened picture, upright and on white, uint8 (H, W, 3).

    Raises Pillow's errors for a damaged picture, NoRangeError for values of unknown scale.
    """
    from PIL import Image

    file_format = image.format
    turn = _TURNS.get(_orientation(image))
    if turn:
        image = image.transpose(Image.Transpose[turn])
    if image.mode[0] in "IF":
        image = Image.fromarray(_eight_bits(image, file_format))
    if not image.has_transparency_data:
        return np.asarray(image.convert("RGB"))
    colors = np.asarray(image.convert("RGBA")).astype(np.int64)
    opacity = colors[..., 3:]
    return ((colors[..., :3] * opacity + 127) // 255 + 255 - opacity).astype(np.uint8)


def _eight_bits(image: Image.Image, file_format: str | None) -> np.ndarray:
    """16-bit gray values, stored in 16 or 32 bits, as uint8; Pillow would clip them at 255.

    Raises NoRangeError for other 32-bit values and for floats, whose scale is unknown.
    """
    levels = np.asarray(image)
    if image.mode == "I" and file_format not in _ALWAYS_SIXTEEN:
        low, high = int(levels.min()), int(levels.max())
        # Values below 256 may be 8-bit, or a dark 16-bit picture.
        if low < 0 or not 255 < high < 65536:
            raise NoRangeError(f"holds 32-bit gray values from {low} to {high}, whose white level "
                               "is unknown; save it with 8 or 16 bits")
    elif image.mode == "F":
        raise NoRangeError(f"holds gray values in floats, from {levels.min():.4g} to "
                           f"{levels.max():.4g}, whose white level is unknown; save it with 8 or "
                           "16 bits")
    return (levels // 256).astype(np.uint8)


_ALWAYS_SIXTEEN = ("PNG", "PPM")  # formats whose 16-bit values Pillow may read as 32-bit


# The transposition that turns a picture upright, by EXIF orientation.
_TURNS = {2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE",
          6: "ROTATE_270", 7: "TRANSVERSE", 8: "ROTATE_90"}


def _orientation(image: Image.Image) -> int:
    try:
        return image.getexif().get(0x0112, 1)
    except Exception:  # of many types; damaged metadata does not matter
        return 1


def brightness(pixels: np.ndarray) -> np.ndarray:
    """ITU-R BT.601 luma, as in JPEG, of uint8 (H, W, 3): uint8 (H, W, 1)."""
    weighted = pixels.astype(np.int64) @ np.array([19595, 38470, 7471])
    return ((weighted + 32768) >> 16).astype(np.uint8)[..., None]


def area_average(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Crop uint8 (H, W, C) to the aspect ratio of the target and scale it by area averaging:
    float32 (height, width, C).

    >>> area_average(np.array([[[9], [0], [4], [9]]], np.uint8), 1, 1)  # its middle is one pixel
    array([[[0.]]], dtype=float32)
    """
    from_height, from_width = pixels.shape[:2]
    # In units of 1/(source * target) all sides are integers, so nothing is rounded.
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
    """For each of `target` pixels the `source` pixels it covers, and the share of each in units of
    1/target pixel."""
    covered = []
    for first in range(0, source * target, source):
        place = slice(first // target, -(-(first + source) // target))
        there = np.arange(place.start, place.stop) * target
        shares = np.minimum(there + target, first + source) - np.maximum(there, first)
        covered.append((place, shares.astype(np.float64)))
    return covered


def middle(image: Image.Image, size: int, name: Path | str = "the picture") -> Image.Image:
    """Scale the shorter side to 8/7 of `size`, then crop the central square.

    Scales the width first and the height second.  In a single call Pillow's order depends on its
    version and the shape, and the intermediate image is rounded.
    Raises DataError, naming `name`, for an extremely narrow picture.
    """
    from PIL import Image

    scale = round(size * 8 / 7) / min(image.size)
    width, height = (round(side * scale) for side in image.size)
    if size * height > _MOST_PIXELS:
        raise DataError(f"{name} is {image.width}x{image.height}, too narrow to crop a square; "
                        "remove it")
    left, top = round((width - size) / 2), round((height - size) / 2)
    narrow = image.resize((width, image.height), Image.Resampling.BILINEAR)
    narrow = narrow.crop((left, 0, left + size, image.height))
    scaled = narrow.resize((size, height), Image.Resampling.BILINEAR)
    return scaled.crop((0, top, size, top + size))
