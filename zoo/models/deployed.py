"""The size of a network's deployed form, computed from its graph without an export.

`export` folds batch-norms into convolutions, merges factorized reduces into 2x2 convolutions and
drops operations that contribute to no output, so the weights of a file differ from the parameters
of the network.
"""

from __future__ import annotations

from torch import fx, nn

from zoo.models.operations import FactorizedReduce, Pool
from zoo.models.recurrent import LanguageModel

_FLOAT32 = 4  # bytes


class _Tracer(fx.Tracer):
    """Traces a network; modules that the export rewrites as a whole are leaves."""

    def is_leaf_module(self, module: nn.Module, qualified_name: str) -> bool:
        whole = isinstance(module, (FactorizedReduce, Pool))
        return whole or super().is_leaf_module(module, qualified_name)


def deployed_bytes(model: nn.Module) -> int:
    """Bytes of the float32 weights of a network of the zoo as `zoo build` deploys it, on any
    device; the file adds the graph.

    Without the masks of average pools that clip their windows at odd sizes.

    Examples:
        >>> import zoo
        >>> from zoo.models.deployed import deployed_bytes
        >>> model = zoo.create_model("DARTS", channels=4, layers=3)
        >>> deployed_bytes(model)
        13856
    """
    if isinstance(model, LanguageModel):  # embedding and decoder are one matrix
        return _FLOAT32 * sum(value.numel() for value in model.parameters())
    was_training = model.training
    try:
        graph = fx.GraphModule(model, _Tracer().trace(model.eval())).graph
    finally:
        model.train(was_training)
    graph.eliminate_dead_code()
    folds: set[fx.Node] = set()  # calls whose value a batch-norm can be folded into
    total = 0
    for node in graph.nodes:
        if node.op != "call_module":
            continue
        module = model.get_submodule(str(node.target))
        if isinstance(module, nn.BatchNorm2d):
            source = node.args[0]
            if source in folds and len(source.users) == 1:
                folds.add(node)  # the next one too
            else:
                total += 2 * module.num_features  # a scale and a shift
        elif isinstance(module, FactorizedReduce):
            total += 4 * module.conv_1.in_channels * module.bn.num_features
            total += module.bn.num_features
            folds.add(node)
        elif isinstance(module, nn.Conv2d):
            total += _weights(module)
            if module.bias is not None or _is_folded(model, node):
                total += module.out_channels
            folds.add(node)
        elif isinstance(module, nn.Linear):
            total += sum(value.numel() for value in module.parameters())
    return _FLOAT32 * (total + 2 * _inputs(model))


def _weights(conv: nn.Conv2d) -> int:
    """A grouped convolution is deployed as a dense one, unless it is depthwise."""
    depthwise = conv.groups == conv.in_channels and conv.stride[0] == conv.stride[1]
    return conv.weight.numel() * (1 if depthwise else conv.groups)


def _is_folded(model: nn.Module, node: fx.Node) -> bool:
    """Is a batch-norm the only reader of this convolution?"""
    users = list(node.users)
    return len(users) == 1 and users[0].op == "call_module" and isinstance(
        model.get_submodule(str(users[0].target)), nn.BatchNorm2d)


def _inputs(model: nn.Module) -> int:
    """The number of channels of the images, whose normalization is in the graph."""
    return next(module.in_channels for module in model.modules() if isinstance(module, nn.Conv2d))
