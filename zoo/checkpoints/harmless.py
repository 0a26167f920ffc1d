"""Stand-ins for harmless classes in checkpoints: settings, metrics, dates, generator states.

`torch.load(weights_only=True)` refuses classes that it does not know.  The stand-ins for those
listed here accept any arguments and discard them, so no code of the real class runs and its
package need not be installed.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any


class Nothing:
    """Stands in for a value that is not needed."""

    def __new__(cls, *_: object) -> Any:
        return super().__new__(cls)

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


class _Mapping:
    """Stands in for a dict class, which may hold the weights."""

    def __new__(cls, *_: object) -> Any:
        return OrderedDict()


class _Sequence:
    """Stands in for a list class."""

    def __new__(cls, *_: object) -> Any:
        return []


_ARRAYS = "scalar _reconstruct"
_KINDS_OF_PATH = "Path PosixPath WindowsPath PurePath PurePosixPath PureWindowsPath"
_LIGHTNING = ("pytorch_lightning", "lightning.pytorch")

_MAPPINGS = {  # module -> its classes
    "collections": "defaultdict", "easydict": "EasyDict", "addict.addict": "Dict",
    "yacs.config": "CfgNode", "fvcore.common.config": "CfgNode", "munch": "Munch",
    "attrdict.dictionary": "AttrDict", "mmcv.utils.config": "ConfigDict",
    "mmengine.config.config": "ConfigDict", "lightning.fabric.utilities.data": "AttributeDict",
    "lightning_fabric.utilities.data": "AttributeDict",
    **{f"{module}.utilities.parsing": "AttributeDict" for module in _LIGHTNING}}
_SEQUENCES = {"collections": "deque"}
_VALUES = {
    # Types as values, such as list in defaultdict(list).
    "builtins": "bool int float str bytes list tuple dict object type slice range frozenset",
    "copyreg": "_reconstructor __newobj__",
    "datetime": "date datetime time timedelta timezone",
    "pathlib": _KINDS_OF_PATH, "pathlib._local": _KINDS_OF_PATH,
    "argparse": "Namespace", "types": "SimpleNamespace", "decimal": "Decimal",
    "fractions": "Fraction", "uuid": "UUID SafeUUID", "typing": "Any",
    # The module was named core before NumPy 2.
    "numpy.core.multiarray": _ARRAYS, "numpy._core.multiarray": _ARRAYS,
    "numpy.core.numeric": "_frombuffer", "numpy._core.numeric": "_frombuffer",
    "numpy": "dtype ndarray bool bool_ int8 int16 int32 int64 uint8 uint16 uint32 uint64 longlong "
             "ulonglong float16 float32 float64 longdouble complex64 complex128 str_ bytes_ "
             "datetime64 timedelta64",
    "numpy.dtypes": "BoolDType Int8DType Int16DType Int32DType Int64DType UInt8DType UInt16DType "
                    "UInt32DType UInt64DType LongLongDType ULongLongDType Float16DType "
                    "Float32DType Float64DType LongDoubleDType Complex64DType Complex128DType "
                    "StrDType BytesDType ObjectDType DateTime64DType TimeDelta64DType",
    "numpy.random._pickle": "__randomstate_ctor __generator_ctor __bit_generator_ctor",
    "numpy.random._mt19937": "MT19937", "numpy.random._pcg64": "PCG64 PCG64DXSM",
    "numpy.random._philox": "Philox", "numpy.random._sfc64": "SFC64",
    "numpy.random.bit_generator": "SeedSequence __pyx_unpickle_SeedSequence",
    # Settings of hydra.
    "omegaconf.dictconfig": "DictConfig", "omegaconf.listconfig": "ListConfig",
    "omegaconf.base": "Metadata ContainerMetadata SCMode",
    "omegaconf.nodes": "ValueNode AnyNode StringNode IntegerNode FloatNode BooleanNode BytesNode "
                       "PathNode EnumNode InterpolationResultNode",
    # Lightning keyed the states of callbacks by their classes.
    **{f"{module}.{name}": kind for module in _LIGHTNING for name, kind in (
        ("trainer.states", "TrainerFn"), ("callbacks.model_checkpoint", "ModelCheckpoint"),
        ("callbacks.early_stopping", "EarlyStopping"))}}


def stand_in(name: str, base: type = Nothing) -> type:
    """A class that torch accepts as the one named `name`, 'module.Class'."""
    module, _, short = name.rpartition(".")
    return type(short, (base,), {"__module__": module, "__qualname__": short})


def _stand_ins(classes: dict[str, str], base: type) -> list[type]:
    return [stand_in(f"{module}.{name}", base)
            for module, names in classes.items() for name in names.split()]


#: The argument of `torch.serialization.safe_globals`.
STAND_INS: list[Any] = [*_stand_ins(_VALUES, Nothing), *_stand_ins(_MAPPINGS, _Mapping),
                        *_stand_ins(_SEQUENCES, _Sequence)]
