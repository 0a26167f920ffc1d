"""Random augmentation of training images, on batches (N, C, H, W) on any device.

Cutout: DeVries & Taylor 2017 (arXiv 1708.04552), one square per image as in the 2018 DARTS
release.  All randomness comes from torch's global generators, so that restoring them resumes a run
exactly.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.recipes.image import Recipe


def augment(pixels: Tensor, recipe: Recipe) -> Tensor:
    """Apply the augmentation of `recipe` to raw pixels 0..255, where 0 is the background."""
    if recipe.crop_padding:
        pixels = random_crop(pixels, recipe.crop_padding)
    if recipe.flip:
        pixels = random_flip(pixels)
    if recipe.rotate or recipe.zoom or recipe.shift or recipe.shear:
        pixels = random_affine(pixels, recipe.rotate, recipe.zoom, recipe.shift, recipe.shear)
    if recipe.stroke:
        pixels = random_stroke(pixels, recipe.stroke)
    return pixels


def random_crop(pixels: Tensor, padding: int) -> Tensor:
    """Crop each image at random after padding it with `padding` zeros per side."""
    count, _, height, width = pixels.shape
    padded = F.pad(pixels, [padding] * 4)
    top, left = torch.randint(2 * padding + 1, (2, count, 1), device=pixels.device)
    rows = top + torch.arange(height, device=pixels.device)
    columns = left + torch.arange(width, device=pixels.device)
    image = torch.arange(count, device=pixels.device)[:, None, None]
    return padded[image, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def random_flip(pixels: Tensor) -> Tensor:
    """Flip each image horizontally with probability 0.5."""
    chosen = torch.rand(len(pixels), 1, 1, 1, device=pixels.device) < 0.5
    return torch.where(chosen, pixels.flip(-1), pixels)


def random_affine(pixels: Tensor, rotate: float, zoom: float, shift: float,
                  shear: float) -> Tensor:
    """Rotate by up to `rotate` degrees, scale each side by 1 +- `zoom`, shear by up to `shear`
    (columns per row), shift by up to `shift` pixels; bilinear, padded with zeros."""
    count, _, height, width = pixels.shape
    angle, wide, high, slant, right, down = _uniform(6, count, pixels.device)
    angle = angle * math.radians(rotate)
    cos, sin = angle.cos(), angle.sin()
    # Maps each target pixel to its source, in coordinates -1..1.
    across, along = 1 + zoom * wide, 1 + zoom * high
    matrix = torch.stack([
        torch.stack([cos * across, (shear * slant - sin) * across, 2 * shift / width * right], -1),
        torch.stack([sin * along, cos * along, 2 * shift / height * down], -1),
    ], dim=1)
    grid = F.affine_grid(matrix, list(pixels.shape), align_corners=False)
    return F.grid_sample(pixels, grid, align_corners=False)


def random_stroke(pixels: Tensor, strength: float) -> Tensor:
    """Vary the apparent stroke width by darkening or lightening gray edges.

    Applies a random power between 1/(1 + `strength`) and 1 + `strength` to pixels scaled to 0..1.
    """
    power = _uniform(1, len(pixels), pixels.device).view(-1, 1, 1, 1) * math.log1p(strength)
    return (pixels / 255).clamp(0, 1).pow(power.exp()) * 255


def cutout(images: Tensor, length: int) -> Tensor:
    """Zero a square of `length` pixels around a random position, clipped at the border."""
    count, _, height, width = images.shape
    device = images.device
    row = torch.randint(height, (count, 1), device=device)
    column = torch.randint(width, (count, 1), device=device)
    low, high = length // 2, length - length // 2
    rows, columns = torch.arange(height, device=device), torch.arange(width, device=device)
    inside = (((rows >= row - low) & (rows < row + high))[:, :, None]
              & ((columns >= column - low) & (columns < column + high))[:, None, :])
    return images.masked_fill(inside[:, None], 0)


def _uniform(rows: int, count: int, device: torch.device) -> Tensor:
    """Uniform random numbers in -1..1, (rows, count)."""
    return torch.rand(rows, count, device=device) * 2 - 1


def normalize(pixels: Tensor, mean: list[float] | Tensor, std: list[float] | Tensor) -> Tensor:
    """Normalize raw pixels (N, C, H, W) 0..255; `mean` and `std` are for pixels in 0..1."""
    def per_channel(values: list[float] | Tensor) -> Tensor:
        # Tensors that are already on the device are not copied, which would synchronize a GPU.
        return torch.as_tensor(values, dtype=torch.float32, device=pixels.device).view(1, -1, 1, 1)

    return (pixels / 255 - per_channel(mean)) / per_channel(std)
