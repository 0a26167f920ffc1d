"""Rejects weights with NaN, infinite values or negative variances before they are used.

A single NaN makes every logit NaN, which shows up as chance accuracy, as "nan%", or as a parity
check that blames a converter.
"""

from __future__ import annotations

from torch import Tensor

_VARIANCE = "running_var"


class NotFiniteError(ValueError):
    """A network whose output is not finite; the message says for how many inputs."""


def unusable(own: dict[str, Tensor], state: dict[str, Tensor]) -> str | None:
    """The first unusable tensor of `state`, in words; None if there is none.

    Values are checked in the dtype of `own`, since a finite float64 may be infinite as float32.
    """
    for name, value in state.items():
        held = value.detach().to(own[name].dtype)
        if held.is_floating_point() and not bool(held.isfinite().all()):
            nan, infinite = int(held.isnan().sum()), int(held.isinf().sum())
            found = " and ".join(f"{count} {what}" for count, what in (
                (nan, "NaN"), (infinite, "infinite")) if count)
            return f"{name} has {found} among its {_values(held)}"
        if name.rpartition(".")[2] == _VARIANCE and bool((held < 0).any()):
            return (f"{name} has {int((held < 0).sum())} negative among its {_values(held)}, and "
                    "variances cannot be negative")
    return None


def _values(tensor: Tensor) -> str:
    return f"{tensor.numel():,} value{'s' * (tensor.numel() != 1)}"


def check_output(values: Tensor, whose: str) -> None:
    """Raise NotFiniteError unless all outputs of a network, one row per input, are finite.

    The message starts with `whose`.  Finite weights may still overflow in float32.
    """
    rows = ~values.flatten(1).isfinite().all(dim=1)
    if bool(rows.any()):
        raise NotFiniteError(
            f"{whose} has NaN or infinite outputs for {int(rows.sum()):,} of {len(rows):,} inputs "
            "although its weights are finite: they are too large, as after a training that "
            "diverged; use other weights, or train again with a smaller --learning-rate")
