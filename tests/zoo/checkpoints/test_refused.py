"""Files that could run code are refused unrun, with the lines of Python that save the weights."""

import collections
import re

import pytest
import torch

from tests.zoo.checkpoints.kinds import HARMLESS, HOLDING_NONE, Malicious, network, saved, state
from zoo.checkpoints.file import WeightsError, loaded
from zoo.checkpoints.fit import NAMES
from zoo.checkpoints.harmless import STAND_INS, Nothing
from zoo.checkpoints.importing import import_checkpoint
from zoo.checkpoints.state import states
from zoo.weights import load_artifact, trained_state


def sentence(content, where="a.pt"):
    with pytest.raises(WeightsError) as caught:
        states(loaded(content, where), NAMES, where)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("content", [
    lambda trap: saved({"stem.0.weight": Malicious(trap)}),
    lambda trap: saved({"stem.0.weight": Malicious(trap)}, _use_new_zipfile_serialization=False),
    lambda trap: saved({"state_dict": state(), "args": Malicious(trap)}),
    lambda trap: saved([Malicious(trap)]),
])
def test_nothing_is_run(content, tmp_path):
    said = sentence(content(tmp_path / "trap"))
    assert "could run any code" in said and "mkdir" in said
    assert not (tmp_path / "trap").exists()


@pytest.mark.parametrize("kind", [
    "whole module", "module in a dict", "class of the author's", "function", "protocol 4",
    "pickle", "TorchScript", "arrays"])
def test_the_lines_in_the_error_save_the_weights(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "it.pth").write_bytes(HOLDING_NONE[kind][0]())
    first, second = re.findall(r"`([^`]+)`", sentence((tmp_path / "it.pth").read_bytes(),
                                                      "it.pth"))
    exec(f"import pickle, torch\n{first}\n{second}\n", {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["it-state.pt", "it.pth"]
    if kind == "TorchScript":
        assert loaded((tmp_path / "it-state.pt").read_bytes(), "it").keys() == {"weight", "bias"}
        return
    import_checkpoint(tmp_path / "it-state.pt", "DARTS_V2", tmp_path / "out")
    assert torch.equal(trained_state(load_artifact(tmp_path / "out")[0])["classifier.weight"],
                       network().state_dict()["classifier.weight"])


def test_the_error_locates_the_weights_in_a_dict():
    said = sentence(saved({"epoch": 3, "nets": {"net": network()}, "loss": torch.zeros(1)}))
    assert ("`model = torch.load('a.pt', weights_only=False)['nets']['net']`, then "
            "`torch.save(model.state_dict(), 'a-state.pt')`") in said
    said = sentence(saved({"model": state(), "scheduler": torch.optim.lr_scheduler.StepLR}))
    assert ("`model = torch.load('a.pt', weights_only=False)['model']`, then "
            "`torch.save(model, 'a-state.pt')`") in said


# --- stand-ins --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HARMLESS)
@pytest.mark.parametrize("zipped", [True, False])
def test_harmless_values_next_to_the_weights_are_accepted(name, zipped):
    content = saved({"x": HARMLESS[name], "w": torch.ones(2)},
                    _use_new_zipfile_serialization=zipped)
    assert torch.equal(loaded(content, "a.pt")["w"], torch.ones(2))


@pytest.mark.parametrize("one", STAND_INS, ids=lambda one: f"{one.__module__}.{one.__qualname__}")
def test_a_stand_in_keeps_nothing(one):
    made = one("echo", 1)
    assert made == type(made)() if isinstance(made, (list, dict)) else not vars(made)
    for name in ("__getattr__", "__setattr__", "__setstate__", "__reduce__", "__del__"):
        assert getattr(one, name, None) in (getattr(object, name, None),
                                            getattr(Nothing, name, None))


def test_callables_and_modules_have_no_stand_in():
    names = {f"{one.__module__}.{one.__qualname__}" for one in STAND_INS}
    for name in ("builtins.eval", "builtins.exec", "builtins.getattr", "builtins.__import__",
                 "functools.partial", "operator.attrgetter", "torch.nn.modules.linear.Linear"):
        assert name not in names


def test_torchs_safe_globals_are_restored():
    before = torch.serialization.get_safe_globals()
    loaded(saved(HARMLESS), "a.pt")
    sentence(saved(network()))
    assert torch.serialization.get_safe_globals() == before


def test_kinds_of_dicts_may_hold_the_weights():
    """Such as those of yacs or Lightning, which need not be installed."""
    held = collections.defaultdict(dict, model=state())
    assert loaded(saved(held), "a.pt")["model"].keys() == state().keys()
    assert loaded(saved({"a": collections.deque([1, 2])}), "a.pt") == {"a": [1, 2]}
