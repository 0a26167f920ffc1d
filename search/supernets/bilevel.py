"""The bilevel optimizer of DARTS: alphas minimize the validation loss, weights the training loss.

Liu et al. 2019 (arXiv 1806.09055, section 2.3, algorithm 1).  Order 1 uses the current weights;
order 2 unrolls one step of the weights (equation 7) and needs a Hessian-vector product,
approximated by finite differences (equation 8).  As in the 2018 release, for both spaces.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from search.spaces.discretize import Mixing
from search.supernets.base import Alphas, Batch, StepOutput

if TYPE_CHECKING:  # torch exports the _foreach functions but declares their types only here
    import torch._C._VariableFunctions as foreach
else:
    foreach = torch

Tensors: TypeAlias = tuple[Tensor, ...] | list[Tensor]


def gradients_of(loss: Tensor, values: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """The gradients of a loss, zero for values that it does not depend on: operations that no edge
    allows or samples, or all alphas when `none` on every path leaves the cells without output."""
    if not loss.requires_grad:
        return tuple(map(torch.zeros_like, values))
    return torch.autograd.grad(loss, values, materialize_grads=True)


class Bilevel:
    """The steps of the weights and of the alphas.

    The unrolled step uses the learning rate, momentum and weight decay of `weight_optimizer`.
    `clip_unrolled` also clips its gradients, as in the recurrent space.  It skips the `unmoved`
    weights: the tied embedding of the recurrent space, which the 2018 release restores when it
    loads the unrolled weights.  `average` averages gradients over all processes, in place.

    `mixing` returns the operation weights for an alpha step, `training_mixing` for a weight step;
    both default to the network's.  `regularizer`, a function of the alphas only, is added to the
    alpha loss.
    """

    def __init__(self, network: Alphas, weight_optimizer: torch.optim.SGD,
                 alpha_optimizer: torch.optim.Optimizer, order: int = 1, clip_norm: float = 5.0,
                 clip_unrolled: bool = False, unmoved: Sequence[Tensor] = (),
                 radius: float = 0.01,
                 autocast: Callable[[], AbstractContextManager[object]] = contextlib.nullcontext,
                 mixing: Callable[[], Mixing] | None = None,
                 training_mixing: Callable[[], Mixing] | None = None,
                 regularizer: Callable[[], Tensor | None] = lambda: None,
                 average: Callable[[Sequence[Tensor]], None] = lambda gradients: None) -> None:
        if order not in (1, 2):
            raise ValueError(f"order must be 1 or 2, not {order!r}")
        self.network, self.order = network, order
        self.weight_optimizer, self.alpha_optimizer = weight_optimizer, alpha_optimizer
        self.clip_norm, self.clip_unrolled, self.radius = clip_norm, clip_unrolled, radius
        self.unmoved = {id(weight) for weight in unmoved}
        self.autocast, self.average = autocast, average
        self.mixing = mixing or network.mixing
        self.training_mixing = training_mixing or self.mixing
        self.regularizer = regularizer
        self.weights, self.alphas = _parameters(weight_optimizer), _parameters(alpha_optimizer)

    def step(self, train: Batch, valid: Batch) -> tuple[StepOutput, StepOutput]:
        """Update the alphas, then the weights; return the outputs of both batches."""
        valid_outcome = self.alpha_step(train, valid)
        return self.weight_step(train), valid_outcome

    def weight_step(self, train: Batch) -> StepOutput:
        """One SGD step on the training loss; no gradients of the alphas are computed."""
        mixing = {name: table.detach() for name, table in self.training_mixing().items()}
        with self.autocast():
            outcome = self.network.training_loss(train, mixing)
        # Operations that no edge samples have no gradients.
        gradients = torch.autograd.grad(outcome.loss, self.weights, allow_unused=True)
        self.average([gradient for gradient in gradients if gradient is not None])
        for weight, gradient in zip(self.weights, gradients):
            weight.grad = gradient
        clip_grad_norm_(self.weights, self.clip_norm)
        self.weight_optimizer.step()
        self.weight_optimizer.zero_grad(set_to_none=True)
        return outcome

    def alpha_step(self, train: Batch, valid: Batch) -> StepOutput:
        """One step of the alphas' optimizer on the validation loss and the regularizer."""
        gradients, outcome = (self.first_order(valid) if self.order == 1
                              else self.second_order(train, valid))
        added = self.regularizer()
        if added is not None:
            gradients = foreach._foreach_add(gradients, gradients_of(added, self.alphas))
        for alpha, gradient in zip(self.alphas, gradients):
            alpha.grad = gradient
        self.alpha_optimizer.step()
        return outcome

    def first_order(self, valid: Batch) -> tuple[Tensors, StepOutput]:
        """Gradients of the alphas at the current weights."""
        with self._frozen_weights():
            outcome = self._loss(valid)
            gradients = gradients_of(outcome.loss, self.alphas)
        self.average(gradients)
        return gradients, outcome

    def second_order(self, train: Batch, valid: Batch) -> tuple[Tensors, StepOutput]:
        """Gradients of the alphas after one unrolled step of the weights (equation 7).

        The weights are moved and restored in place; the network is not copied.
        """
        group = self.weight_optimizer.param_groups[0]
        rate = group["lr"]
        gradients = gradients_of(self._loss(train).loss, self.weights)
        self.average(gradients)
        shrink = self._clip(gradients)
        with torch.no_grad():
            before = [weight.clone() for weight in self.weights]
            ahead = foreach._foreach_add(gradients, before, alpha=group["weight_decay"])
            if group["momentum"]:
                for step, weight in zip(ahead, self.weights):
                    buffer = self.weight_optimizer.state[weight].get("momentum_buffer")
                    if buffer is not None:
                        step.add_(buffer, alpha=group["momentum"])
            for step, weight in zip(ahead, self.weights):
                if id(weight) in self.unmoved:
                    step.zero_()
            foreach._foreach_add_(self.weights, ahead, alpha=-rate)
        try:
            outcome = self._loss(valid)
            both = gradients_of(outcome.loss, self.alphas + self.weights)
        finally:
            with torch.no_grad():
                foreach._foreach_copy_(self.weights, before)
        self.average(both)
        direct, vector = both[:len(self.alphas)], both[len(self.alphas):]
        self._clip(vector)
        implicit = self.hessian_vector_product(train, vector)
        return foreach._foreach_sub(direct, implicit, alpha=rate * shrink), outcome

    def hessian_vector_product(self, train: Batch, vector: Tensors) -> Tensors:
        """d/d(alpha) d/d(weights) of the training loss, times `vector`, by central differences.

        The weights move by +/- `radius` along the normalized `vector` (equation 8).  Without
        autocast, since bfloat16 would round off most of such a small step.
        """
        distance = self.radius / torch.cat([part.flatten() for part in vector]).norm()
        before = [weight.detach().clone() for weight in self.weights]
        try:
            sides: list[Tensors] = []
            for sign in (1, -1):
                with torch.no_grad():
                    shift = foreach._foreach_mul(vector, sign * distance)
                    moved = foreach._foreach_add(before, shift)
                    foreach._foreach_copy_(self.weights, moved)
                with self._frozen_weights():
                    loss = self.network.loss(train, self.mixing()).loss
                    sides.append(gradients_of(loss, self.alphas))
        finally:
            with torch.no_grad():
                foreach._foreach_copy_(self.weights, before)
        difference = foreach._foreach_sub(*sides)
        product = foreach._foreach_div(difference, 2 * distance)
        self.average(product)
        return product

    @contextlib.contextmanager
    def _frozen_weights(self) -> Iterator[None]:
        """Turn off the gradients of the weights to save their memory."""
        for weight in self.weights:
            weight.requires_grad_(False)
        try:
            yield
        finally:
            for weight in self.weights:
                weight.requires_grad_(True)

    def _loss(self, batch: Batch) -> StepOutput:
        with self.autocast():
            return self.network.loss(batch, self.mixing())

    def _clip(self, gradients: Tensors) -> Tensor | float:
        """Clip `gradients` in place to `clip_norm`; return the factor, even if it is above 1.

        The 2018 release multiplies by this factor whether or not anything was clipped.
        """
        if not self.clip_unrolled:
            return 1.0
        norm = torch.cat([part.flatten() for part in gradients]).norm()
        factor = self.clip_norm / (norm + 1e-6)
        foreach._foreach_mul_(gradients, factor.clamp(max=1.0))
        return factor


def _parameters(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    return [p for group in optimizer.param_groups for p in group["params"]]
