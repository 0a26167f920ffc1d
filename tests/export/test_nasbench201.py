"""Networks of NAS-Bench-201 cells run the whole chain to TF.js files, within 1e-5."""

import pytest

import zoo
from export.sources.find import find
from export.sources.options import BuildOptions
from tests.export.conftest import images_of, trained_looking
from tests.export.test_cells import export_small
from tests.zoo.models.test_nasbench201 import DEAD, NOTHING

CELLS = zoo.list_cells(kind="nasbench201")
EVERY = "|avg_pool_3x3~0|+|nor_conv_1x1~0|nor_conv_3x3~1|+|none~0|skip_connect~1|avg_pool_3x3~2|"


@pytest.mark.parametrize("cell, size, channels", [
    (EVERY, 15, 1), (DEAD, 8, 3), (NOTHING, 8, 3), ("NB201_best_cifar100", 32, 3)])
def test_nas_bench_201_cells_export(cell, size, channels, tmp_path):
    genotype = zoo.parse(cell) if cell.startswith("|") else cell
    model = trained_looking(genotype, in_channels=channels, layers=4)
    manifest = export_small(model, images_of(size, channels), tmp_path / "out",
                            ("onnx", "tflite", "tfjs"))
    assert manifest.network.kind == "nasbench201"


@pytest.mark.slow
@pytest.mark.parametrize("cell", [name for name in CELLS if name != "NB201_best_cifar100"])
def test_the_other_published_cells_export(cell, tmp_path):
    export_small(trained_looking(cell), images_of(32), tmp_path / "out")


@pytest.mark.parametrize("data, channels, layers", [("cifar10", 16, 15), ("digits", 16, 6)])
def test_a_build_has_the_sizes_of_the_kinds_recipe(data, channels, layers):
    network = find("NB201_ResNet", BuildOptions(data=data)).manifest.network
    assert (network.kind, network.channels, network.layers) == ("nasbench201", channels, layers)


@pytest.mark.parametrize("changes, message", [
    ({"network": "language"}, "NB201_ResNet is a NAS-Bench-201 cell and has no language network"),
    ({"network": "imagenet"}, "has no imagenet network; use network='nasbench201'"),
    ({"data": "imagenet"}, "has no imagenet network; use network='nasbench201'"),
    ({"network": "mesh"}, "unknown network 'mesh'"),
    ({"hidden": 3}, "NB201_ResNet is a NAS-Bench-201 cell; leave --hidden out"),
])
def test_options_of_other_kinds_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        find("NB201_ResNet", BuildOptions(**changes))
