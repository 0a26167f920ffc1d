"""Exact rewrites of a traced network for operations that a later hop cannot run or runs slowly.

Observed without them on onnx-tf 1.10, tensorflowjs 4.22 and TF.js 4.22: TensorFlow cannot exclude
one-sided padding from an average, a depthwise convolution cannot have both stride and dilation, a
grouped convolution converts but throws at the first prediction, and every extra node is one more
GPU dispatch.

The graph is in float64 with propagated shapes (`ShapeProp`); a rewrite edits it in place and
returns how many times it applied.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import TypeVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from zoo.artifact.manifest import Rewrite
from zoo.models.operations import FactorizedReduce, Pool

_Module = TypeVar("_Module", bound=nn.Module)


class ChannelAffine(nn.Module):
    """(N, C, H, W) times a scale plus a shift per channel."""

    scale: Tensor
    shift: Tensor

    def __init__(self, scale: Tensor, shift: Tensor) -> None:
        super().__init__()
        self.register_buffer("scale", scale.reshape(1, -1, 1, 1))
        self.register_buffer("shift", shift.reshape(1, -1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale + self.shift


class MaskedAveragePool(nn.Module):
    """An average pool that counts its padding, times a constant that corrects the count."""

    mask: Tensor

    def __init__(self, kernel: int, stride: int, padding: tuple[int, int, int, int],
                 size: tuple[int, int]) -> None:
        super().__init__()
        self.kernel, self.stride, self.padding = kernel, stride, padding
        ones = torch.ones(1, 1, *size, dtype=torch.float64)
        self.register_buffer("mask", 1 / self._pool(ones))

    def _pool(self, x: Tensor) -> Tensor:
        left, right, top, bottom = self.padding
        if left == right == top == bottom:
            return F.avg_pool2d(x, self.kernel, self.stride, left)
        return F.avg_pool2d(F.pad(x, self.padding), self.kernel, self.stride)

    def forward(self, x: Tensor) -> Tensor:
        return self._pool(x) * self.mask


def apply(graph: fx.GraphModule) -> list[Rewrite]:
    """Apply every rewrite, in the required order; returns those that applied."""
    passes: list[tuple[str, Callable[[fx.GraphModule], int]]] = [
        ("dead operation dropped", drop_dead),
        ("zero node as a constant", zeros_as_product),
        ("factorized reduce as one strided convolution", merge_factorized_reduce),
        ("batch-norm folded into convolution", fold_batch_norm),
        ("batch-norm after a pool as scale and shift", batch_norm_as_affine),
        ("dilated convolution with stride as subsampling and convolution", split_dilated_stride),
        ("grouped convolution as a dense one", densify_groups),
        ("average pool without padding count as pool and mask", mask_average_pools),
        ("pool with one-sided padding spelled out", spell_out_max_pools),
        ("repeated operation shared", share_repeated),
    ]
    applied = []
    for name, rewrite in passes:
        if count := rewrite(graph):
            applied.append(Rewrite(rewrite=name, count=count))
    graph.graph.lint()
    graph.recompile()
    graph.delete_all_unused_submodules()
    return applied


def _called(graph: fx.GraphModule, node: fx.Node) -> nn.Module | None:
    """The module called by `node`; None for any other operation."""
    return graph.get_submodule(str(node.target)) if node.op == "call_module" else None


def _calls(graph: fx.GraphModule, kind: type[_Module]) -> list[tuple[fx.Node, _Module]]:
    called = [(node, _called(graph, node)) for node in graph.graph.nodes]
    return [(node, module) for node, module in called if isinstance(module, kind)]


def _source(node: fx.Node) -> fx.Node:
    """The first input of an operation."""
    source = node.args[0]
    assert isinstance(source, fx.Node)
    return source


def _size(node: fx.Node) -> tuple[int, int]:
    height, width = node.meta["tensor_meta"].shape[-2:]
    return height, width


def _replace(graph: fx.GraphModule, node: fx.Node, modules: Mapping[str, nn.Module]) -> None:
    """Replace the call `node` by the chain `modules`, by name."""
    value = _source(node)
    for name, module in modules.items():
        target = f"{node.target}_{name}"
        graph.add_submodule(target, module)
        with graph.graph.inserting_before(node):
            new = graph.graph.call_module(target, (value,))
        new.meta = dict(node.meta)
        value = new
    node.replace_all_uses_with(value)
    graph.graph.erase_node(node)


def drop_dead(graph: fx.GraphModule) -> int:
    """Remove operations that contribute to no output."""
    before = len(graph.graph.nodes)
    graph.graph.eliminate_dead_code()
    return before - len(graph.graph.nodes)


def zeros_as_product(graph: fx.GraphModule) -> int:
    """A cell node without edges is zero, written as its subsampled input times 0: the only form of
    zeros with an open batch that all converters support."""
    count = 0
    for node in list(graph.graph.nodes):
        if node.target is not torch.zeros_like:
            continue
        source, stride = _source(node), 1
        if source.target is operator.getitem:  # zeros_like(state[:, :, ::stride, ::stride])
            stride = cast("tuple[slice, ...]", source.args[1])[-1].step
            source = _source(source)
        target = f"zero_{count}"
        graph.add_submodule(target, nn.MaxPool2d(1, stride))
        with graph.graph.inserting_before(node):
            sampled = graph.graph.call_module(target, (source,))
            zero = graph.graph.call_function(operator.mul, (sampled, 0.0))
        sampled.meta, zero.meta = dict(node.meta), dict(node.meta)
        node.replace_all_uses_with(zero)
        count += 1
    graph.graph.eliminate_dead_code()
    return count


def merge_factorized_reduce(graph: fx.GraphModule) -> int:
    """Merge two strided 1x1 convolutions, one shifted by a pixel, into a 2x2 convolution: its first
    filters read the upper left pixel of each window, the others the lower right one."""
    calls = _calls(graph, FactorizedReduce)
    for node, module in calls:
        first, second = module.conv_1.weight.detach(), module.conv_2.weight.detach()
        weight = first.new_zeros(len(first) + len(second), first.shape[1], 2, 2)
        weight[: len(first), :, 0, 0] = first[:, :, 0, 0]
        weight[len(first):, :, 1, 1] = second[:, :, 0, 0]
        conv = nn.Conv2d(weight.shape[1], len(weight), 2, stride=2, bias=False)
        conv.weight = nn.Parameter(weight)
        height, width = _size(_source(node))
        chain: dict[str, nn.Module] = {"relu": nn.ReLU()}
        if height % 2 or width % 2:
            chain["pad"] = nn.ZeroPad2d((0, width % 2, 0, height % 2))
        chain["conv"] = fuse_conv_bn_eval(conv.double().eval(), module.bn)
        _replace(graph, node, chain)
    return len(calls)


def fold_batch_norm(graph: fx.GraphModule) -> int:
    """Fold a batch norm, in eval mode a scale and shift per channel, into the convolution."""
    count = 0
    for node, norm in _calls(graph, nn.BatchNorm2d):
        source = _source(node)
        conv = _called(graph, source)
        if isinstance(conv, nn.Conv2d) and len(source.users) == 1:
            graph.add_submodule(str(source.target), fuse_conv_bn_eval(conv, norm))
            node.replace_all_uses_with(source)
            graph.graph.erase_node(node)
            count += 1
    return count


def batch_norm_as_affine(graph: fx.GraphModule) -> int:
    """Replace the remaining batch norms by a scale and shift per channel."""
    calls = _calls(graph, nn.BatchNorm2d)
    for node, norm in calls:
        mean, variance = norm.running_mean, norm.running_var
        assert mean is not None and variance is not None  # every zoo network tracks them
        scale = norm.weight.detach() * (variance + norm.eps).rsqrt()
        shift = norm.bias.detach() - mean * scale
        _replace(graph, node, {"affine": ChannelAffine(scale, shift)})
    return len(calls)


def split_dilated_stride(graph: fx.GraphModule) -> int:
    """With dilation = stride = s, and padding to the same size, every tap reads a multiple of s:
    subsample with a 1x1 max pool of stride s, then convolve without dilation."""
    count = 0
    for node, conv in _calls(graph, nn.Conv2d):
        step, (high, wide) = conv.stride[0], conv.kernel_size
        if step > 1 and conv.dilation == conv.stride == (step, step) \
                and conv.padding == (high // 2 * step, wide // 2 * step):
            dense = nn.Conv2d(conv.in_channels, conv.out_channels, (high, wide),
                              padding=(high // 2, wide // 2), groups=conv.groups,
                              bias=conv.bias is not None)
            dense.weight, dense.bias = conv.weight, conv.bias
            _replace(graph, node, {"subsample": nn.MaxPool2d(1, step), "conv": dense})
            count += 1
    return count


def densify_groups(graph: fx.GraphModule) -> int:
    """Replace grouped convolutions by dense ones with zeros between groups, except depthwise ones
    with equal strides, which every runtime supports."""
    count = 0
    for _, conv in _calls(graph, nn.Conv2d):
        is_depthwise = conv.groups == conv.in_channels and conv.stride[0] == conv.stride[1]
        if conv.groups == 1 or is_depthwise:
            continue
        weight = conv.weight.detach()
        dense = weight.new_zeros(conv.out_channels, conv.in_channels, *conv.kernel_size)
        outputs, inputs = conv.out_channels // conv.groups, conv.in_channels // conv.groups
        for group in range(conv.groups):
            rows = slice(group * outputs, (group + 1) * outputs)
            dense[rows, group * inputs:(group + 1) * inputs] = weight[rows]
        conv.weight, conv.groups = nn.Parameter(dense), 1
        count += 1
    return count


def _pool_padding(pool: Pool, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """(left, right, top, bottom) of a pool of the zoo on an input of `size` (H, W)."""
    if pool.kernel % 2:
        half = pool.kernel // 2
        return half, half, half, half
    overhang = [(-(-n // pool.stride) - 1) * pool.stride + pool.kernel - n for n in size]
    return 0, max(0, overhang[1]), 0, max(0, overhang[0])


def mask_average_pools(graph: fx.GraphModule) -> int:
    """Average pools that exclude padding: every hop supports this for odd windows; for even ones a
    constant factor per pixel corrects the count."""
    count = 0
    for node, pool in _calls(graph, Pool):
        if pool.kind != "average":
            continue
        size = _size(_source(node))
        padding = _pool_padding(pool, size)
        if pool.kernel % 2:
            plain = nn.AvgPool2d(pool.kernel, pool.stride, pool.kernel // 2,
                                 count_include_pad=False)
        elif not any(padding):
            plain = nn.AvgPool2d(pool.kernel, pool.stride)
        else:
            plain = MaskedAveragePool(pool.kernel, pool.stride, padding, size)
            count += 1
        _replace(graph, node, {"pool": plain})
    return count


def spell_out_max_pools(graph: fx.GraphModule) -> int:
    """Max pools as `nn.MaxPool2d`; the padding of an even window becomes a separate node."""
    count = 0
    for node, pool in _calls(graph, Pool):
        padding = _pool_padding(pool, _size(_source(node)))
        if pool.kernel % 2 or not any(padding):
            chain: dict[str, nn.Module] = {
                "pool": nn.MaxPool2d(pool.kernel, pool.stride, padding[0])}
        else:
            chain = {"pad": nn.ConstantPad2d(padding, -torch.inf),
                     "pool": nn.MaxPool2d(pool.kernel, pool.stride)}
            count += 1
        _replace(graph, node, chain)
    return count


def share_repeated(graph: fx.GraphModule) -> int:
    """Share operations without weights that are applied twice to the same value, such as the ReLU
    at the start of every edge from one node."""
    first: dict[tuple, fx.Node] = {}
    count = 0
    for node in list(graph.graph.nodes):
        module = _called(graph, node)
        if not isinstance(module, (nn.ReLU, nn.MaxPool2d, nn.AvgPool2d, MaskedAveragePool,
                                   nn.ConstantPad2d)):
            continue
        settings = {key: value for key, value in vars(module).items() if key[0] != "_"}
        key = (type(module), repr(sorted(settings.items())), node.args)
        if key in first:
            node.replace_all_uses_with(first[key])
            graph.graph.erase_node(node)
            count += 1
        else:
            first[key] = node
    return count
