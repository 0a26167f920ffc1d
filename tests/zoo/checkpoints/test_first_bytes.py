"""The first bytes of a file identify its kind, and each kind has its own sentence."""

import pytest

from tests.zoo.checkpoints.kinds import HOLDING, HOLDING_NONE
from zoo.checkpoints.first_bytes import is_safetensors, is_torch, others, plain_stem

_KINDS = ["empty", "page", "XML page", "git-lfs", "zip", "NumPy archive", "TorchScript", "tar",
          "gzip", "bzip2", "pickle", "HDF5", "NumPy array", "TFLite", "picture", "JSON", "index",
          "genotype", "text", "bytes"]


def test_each_kind_has_its_own_sentence():
    sentences = [others(HOLDING_NONE[kind][0](), "a.pt") for kind in _KINDS]
    assert len(set(sentences)) == len(sentences)
    assert not any("\n" in sentence for sentence in sentences)


@pytest.mark.parametrize("kind", HOLDING)
def test_files_with_a_network_have_one_format(kind):
    content = HOLDING[kind]()
    assert is_safetensors(content) == kind.startswith("safetensors")
    assert is_torch(content) != is_safetensors(content)


@pytest.mark.parametrize("kind", _KINDS)
def test_other_kinds_have_no_such_format(kind):
    content = HOLDING_NONE[kind][0]()
    assert not is_torch(content) and not is_safetensors(content)


@pytest.mark.parametrize("name, stem", [
    ("a.pt", "a"), ("runs/model_best.pth.tar", "model_best"), ("C:\\runs\\a.CKPT", "a"),
    ("epoch_3.5.bin", "epoch_3.5"), ("weights.tar", "weights"), ("noend", "noend"), (".pt", ".pt")])
def test_names_without_suffixes(name, stem):
    assert plain_stem(name) == stem
