"""Errors of pydantic become our own words: what the value must be."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from zoo.messages.validation import reason


class Sizes(BaseModel):
    model_config = ConfigDict(extra="forbid")
    width: int


@pytest.mark.parametrize("kind, value, said", [
    (int, "x", "it must be a whole number"), (int, 1.5, "it must be a whole number"),
    (float, "x", "it must be a number"), (bool, "maybe", "it must be true or false"),
    (str, 3, "it must be text"), (Path, 3, "it must be a path"),
    (list[int], 3, "it must be a list"), (tuple[int, ...], 3, "it must be a list"),
    (dict[str, int], 3, "it must be names with values"),
    (Sizes, 3, "it must be names with values"), (Sizes, {}, "it is missing"),
    (Sizes, {"width": 1, "x": 2}, "there is no such field"),
    (Annotated[int, Field(ge=1)], 0, "it must be at least 1"),
    (Annotated[float, Field(lt=1)], 2, "it must be below 1"),
    (Literal["a", "b"], "c", "it must be 'a' or 'b'"),
    (Annotated[str, Field(pattern="^a$")], "b", "it has the wrong form"),
])
def test_a_reason_names_the_expected_value(kind, value, said):
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(value)
    assert reason(caught.value.errors()[0]) == said
