"""What `register` refuses at import: every fault of a declaration, in a sentence that says where."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tests.unit.declarations import made, workflow
from workflows_app import registry
from workflows_app.errors import DefinitionError
from workflows_app.sdk import Workflow, register


@pytest.fixture(autouse=True)
def nothing_stays_registered() -> Iterator[None]:
    with registry.override():
        yield


def test_a_right_declaration_is_returned_and_known() -> None:
    flow = workflow(title="a" * 200)

    assert register(flow) is flow
    assert registry.get("flow") is flow


def test_a_slug_belongs_to_the_first_class_that_takes_it() -> None:
    first = register(workflow())
    other = made("Other", Workflow, **{**vars(first), "__module__": "elsewhere"})

    with pytest.raises(DefinitionError) as refused:
        register(other)

    assert str(refused.value) == ("Other: slug 'flow' is taken by tests.unit.declarations.Flow.")
    assert registry.get("flow") is first


def test_the_same_class_loaded_again_takes_its_own_place() -> None:
    register(workflow())
    again = workflow(title="Loaded again")

    assert register(again) is again
    assert registry.get("flow") is again


def test_a_wrong_setting_is_not_blamed_on_a_workflow(settings: Settings) -> None:
    """The system check workflows_app.E002 says what is wrong; at import it could not be heard."""
    settings.WORKFLOWS = {"no_such_key": 1}

    assert register(workflow()).slug == "flow"
