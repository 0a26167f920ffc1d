"""Networks of hierarchical genotypes run the whole chain to TF.js files, within 1e-5."""

import json

import pytest

import zoo
from export.pipeline import build
from export.sources.find import find
from export.sources.options import BuildOptions
from tests.export.conftest import images_of, trained_looking
from tests.export.test_cells import export_small
from zoo.artifact.folder import read_manifest
from zoo.genotypes.hierarchical import HierarchicalGenotype
from zoo.genotypes.reader import parse
from zoo.genotypes.serialization import to_json

#: Every operation, a node without edges, a motif without a path, a motif used twice.
MOTIFS = HierarchicalGenotype([
    [
        [["sep_conv_3x3_relu"], ["avg_pool_3x3", "identity"]],
        [["none"], ["max_pool_3x3", "conv_1x1_relu"]],
        [["dep_conv_3x3_relu"], ["conv_1x1_relu", "max_pool_3x3"]],
        [["identity"], ["none", "none"]],
    ],
    [[["motif_1"], ["motif_4", "motif_3"], ["motif_2", "motif_1", "motif_3"]]],
])
FLAT = parse("Genotype(level_2=[[['identity'], ['max_pool_3x3', 'none'], "
             "['avg_pool_3x3', 'identity', 'dep_conv_3x3_relu']]])")


@pytest.mark.parametrize("genotype, size, channels", [(MOTIFS, 15, 1), (FLAT, 8, 3)])
def test_hierarchical_genotypes_export(genotype, size, channels, tmp_path):
    model = trained_looking(genotype, in_channels=channels, layers=3)
    export_small(model, images_of(size, channels), tmp_path / "out", ("onnx", "savedmodel", "tfjs"))


def test_a_file_becomes_an_artifact(tmp_path):
    (tmp_path / "mine.json").write_text(to_json(MOTIFS))
    options = BuildOptions(channels=4, layers=3)
    build(find(str(tmp_path / "mine.json"), options), ["onnx"], tmp_path / "out")
    manifest = read_manifest(tmp_path / "out")
    assert (manifest.genotype, manifest.network.kind) == ("mine", "cifar")
    kept = json.loads((tmp_path / "out/genotype.json").read_text())
    assert zoo.parse(json.dumps(kept)) == MOTIFS
    assert "motif_4, not used" in (tmp_path / "out/cell.svg").read_text()
    for changes, message in (({"hidden": 3}, "mine is a hierarchical cell; leave --hidden out"),
                             ({"network": "language"}, "hierarchical cell and has no language"),
                             ({"network": "imagenet"}, "has no imagenet network")):
        with pytest.raises(ValueError, match=message):
            find(str(tmp_path / "mine.json"), BuildOptions(**changes))
