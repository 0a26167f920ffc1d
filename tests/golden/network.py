"""Computes the outputs of a ``case: network`` of a golden file, with the networks of the zoo."""

import torch

import zoo
from tests.golden.fill import fill, labels, tensor
from zoo.create import create_model


def genotype_of(case):
    """The genotype that a case names or spells out, recurrent for a language model."""
    value = case["genotype"]
    if isinstance(value, dict):
        from zoo.genotypes.serialization import from_dict

        return from_dict(value)
    if "(" in value or value.lstrip().startswith("{"):
        return zoo.parse(value)
    if case["network"] == "language" and not value.endswith("_RNN"):
        value += "_RNN"
    return zoo.genotype(value)


def outputs(case):
    """The computed value of every possible output of the case, by name."""
    return _language(case) if case["network"] == "language" else _images(case)


def _images(case):
    model = create_model(
        genotype_of(case), network=case["network"], channels=case["channels"],
        layers=case["layers"], num_classes=case["num_classes"],
        in_channels=case["input_shape"][1], auxiliary=case["auxiliary"],
    ).double()
    fill(model)
    images = tensor("input", case["input_shape"])
    computed = {"parameters": sum(value.numel() for value in model.parameters())}
    with torch.no_grad():
        computed["logits_eval"] = model.eval()(images)
        trained = model.train()(images)
    if case["auxiliary"]:
        computed["logits_train"], computed["logits_aux_train"] = trained
    else:
        computed["logits_train"] = trained
    if "first_keys" in case:
        keys = list(model.state_dict())[: len(case["first_keys"])]
        computed["first_keys"] = keys
    return computed


def _language(case):
    model = create_model(
        genotype_of(case), network="language", vocabulary=case["vocabulary"],
        embedding=case["embedding"], hidden=case["hidden"],
    ).double()
    fill(model)
    time, batch = case["input_shape"]
    tokens = labels("input", (time, batch), case["vocabulary"])
    with torch.no_grad():
        log_prob, hidden = model.eval()(tokens, tensor("hidden", (1, batch, case["hidden"])))
    shapes = {key: list(value.shape) for key, value in model.state_dict().items()}
    return {"log_prob": log_prob, "hidden_next": hidden, "state_keys": shapes}
