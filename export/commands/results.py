"""How builds and verifications show the results of their checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from export.formats.base import FORMATS

if TYPE_CHECKING:
    from export.checks.parity import Hop
    from zoo.artifact.manifest import Agreement


def parity_cells(hop: Hop) -> tuple[str, str]:
    """Difference and limit of a hop, as table cells."""
    difference, limit = ("" if value is None else f"{value:.1e}"
                         for value in (hop.difference, hop.limit))
    return difference, limit


def agreement_line(entry: Agreement) -> str:
    """A line on the agreement of rounded weights with float32."""
    size, float32 = entry.bytes / 1e6, entry.float32_bytes / 1e6
    return (f"{FORMATS[entry.format].title} in {entry.precision} ({size:.2f} MB, {float32:.2f} MB "
            f"in float32), {entry.where}: {entry.share:.2%} of {entry.images:,} test images of "
            f"{entry.data} are classified as in float32")
