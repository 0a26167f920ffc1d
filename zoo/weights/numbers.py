"""Weights that are numbers: NaN, infinity and negative variances are found before they are used.

One NaN among them makes every logit NaN, which ends as an accuracy of chance, as "nan%" or as a
parity check that blames a converter.
"""

from __future__ import annotations

from torch import Tensor

_VARIANCE = "running_var"


class NotFiniteError(ValueError):
    """A network whose own output is not finite; the message says for how many inputs."""


def unusable(own: dict[str, Tensor], state: dict[str, Tensor]) -> str | None:
    """The first tensor of `state` that no network computes with, in words; None if there is none.

    Values are looked at as `own`, tensors by the same names, would hold them: what is finite as
    float64 may be infinite as float32.
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
                    "a variance is never that")
    return None


def _values(tensor: Tensor) -> str:
    return f"{tensor.numel():,} value{'s' * (tensor.numel() != 1)}"


def check_output(values: Tensor, whose: str) -> None:
    """Raise NotFiniteError unless all that a network gives, a row an input, is finite.

    `whose` begins the sentence.  Weights that are numbers may still be too large for float32.
    """
    rows = ~values.flatten(1).isfinite().all(dim=1)
    if bool(rows.any()):
        raise NotFiniteError(
            f"{whose} gives NaN or infinite outputs itself, for {int(rows.sum()):,} of "
            f"{len(rows):,} inputs, though its weights are numbers: they are too large, as after "
            "a training that diverged; take other weights, or train again with a smaller "
            "--learning-rate")
