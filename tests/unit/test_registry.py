"""The workflows that the code declares, and the digest that tells one version's code from another's."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.unit.declarations import made, mutator, producer, workflow
from workflows_app import registry
from workflows_app.errors import DefinitionError
from workflows_app.registry import source_digest
from workflows_app.sdk import Mutator, Workflow, register

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def nothing_stays_registered() -> Iterator[None]:
    with registry.override():
        yield


def test_workflows_are_listed_by_slug() -> None:
    before = {each.slug for each in registry.all_workflows()}
    b, a = register(workflow(slug="zz-b")), register(workflow(slug="zz-a"))

    listed = registry.all_workflows()

    assert [each for each in listed if each.slug not in before] == [a, b]
    assert [each.slug for each in listed] == sorted(before | {"zz-a", "zz-b"})


def test_a_mutator_is_found_by_workflow_and_name() -> None:
    send = mutator()
    register(workflow(mutators=[send]))

    assert registry.mutator("flow", "send") is send
    assert registry.mutator("flow", "other") is None
    assert registry.mutator("no-such-flow", "send") is None


def test_an_override_stands_in_for_a_block_only() -> None:
    first, second = workflow(), workflow(version="1.1")
    register(first)

    with registry.override(second, workflow(slug="other")):
        assert registry.get("flow") is second
        assert registry.get("other") is not None

    assert registry.get("flow") is first
    assert registry.get("other") is None


def test_an_override_ends_with_an_error_too() -> None:
    with pytest.raises(ZeroDivisionError), registry.override(workflow()):
        raise ZeroDivisionError

    assert registry.get("flow") is None


def test_an_override_is_checked_before_anything_is_known() -> None:
    with (
        pytest.raises(DefinitionError, match=r"^Flow: version must be as '1\.0', not ''\.$"),
        registry.override(workflow(slug="other"), workflow(version="")),
    ):
        raise AssertionError("the block must not begin")

    assert registry.get("other") is None


AUTHORED = '''
from datetime import timedelta
from workflows_app.sdk import *

UNRELATED = 1

class Base(Mutator):
    limit = 5

class Send(Base):
    name = "send"

    def execute(self, params, *, idempotency_key):
        """Send it."""

        return {"sent": 1}

class Take(Consumer):
    subscribes = ["in"]

    def prepare(self, ctx, state):
        return PrepareResult.nothing()

class Read(Producer):
    publishes = ["in"]
    schedule = Every(minutes=5)

    def poll(self, ctx, state):
        return None

class Flow(Workflow):
    slug = "flow"
    title = "A flow"
    version = "1.0"
    producers = [Read]
    consumers = [Take]
    mutators = [Send]
'''


@pytest.fixture
def digest_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """`digest_of(source)`: the digest of the workflow `Flow` of a module with this source."""

    def digest(source: str) -> str:
        path = tmp_path / f"version_{len(list(tmp_path.iterdir()))}.py"
        path.write_text(source)
        spec = importlib.util.spec_from_file_location("authored", path)
        assert spec is not None
        assert spec.loader is not None
        module: ModuleType = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, "authored", module)
        spec.loader.exec_module(module)
        return source_digest(module.Flow)

    return digest


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('{"sent": 1}', '{"sent": 2}'),
        ("limit = 5", "limit = 6"),
        ("return PrepareResult.nothing()", "return PrepareResult()"),
        ("Every(minutes=5)", "Every(minutes=6)"),
        ('title = "A flow"', 'title = "The flow"'),
        ("        return None", "        # Nothing yet.\n        return None"),
    ],
)
def test_the_digest_reacts_to_changed_code(
    digest_of: Callable[[str], str], old: str, new: str
) -> None:
    assert AUTHORED.count(old) == 1
    assert digest_of(AUTHORED) != digest_of(AUTHORED.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("        return", "\n\n        return"),
        ('"""Send it."""\n\n', '"""Send it."""\n'),
        ("\n\nclass", "\n\n\n\nclass"),
        ("UNRELATED = 1", "UNRELATED = 2  # other code of the module"),
        ('slug = "flow"\n', 'slug = "flow"   \n'),
    ],
)
def test_the_digest_ignores_blank_lines_spaces_at_the_end_and_other_code(
    digest_of: Callable[[str], str], old: str, new: str
) -> None:
    assert old in AUTHORED
    assert digest_of(AUTHORED) == digest_of(AUTHORED.replace(old, new))


def test_the_digest_ignores_the_sdk_itself() -> None:
    alone = source_digest(made("Flow", Workflow, producers=[], consumers=[], mutators=[]))

    assert len(alone) == 64
    assert alone == source_digest(made("Flow", Workflow, producers=[], consumers=[], mutators=[]))


@pytest.mark.parametrize("package", ["sdk.mutators", "connectors.http.lookup", "testing"])
def test_the_digest_ignores_the_bases_that_come_with_the_package(package: str) -> None:
    """Else its next release would be other code of each workflow, and none would go on."""
    releases = [
        type("Base", (Mutator,), {"__module__": f"workflows_app.{package}", "release": release})
        for release in (1, 2)
    ]
    one, two = (
        source_digest(workflow(mutators=[made("Send", base, name="send")])) for base in releases
    )
    assert one == two


def poll_of(source: str) -> object:
    """Return a function that was compiled from text, whose source can't be read."""
    names: dict[str, object] = {}
    exec(source, names)
    return names["poll"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("return 1", "return 2"),
        ("return self.a", "return self.b"),
        ("return (lambda: 1)()", "return (lambda: 2)()"),
        ("return ctx in {'a', 'b'}", "return ctx in {'a', 'c'}"),
        ("return b'x'", "return b'y'"),
    ],
)
def test_a_class_without_source_counts_by_its_compiled_code(first: str, second: str) -> None:
    head = "def poll(self, ctx, state): "
    digests = [
        source_digest(workflow(producers=[producer(poll=poll_of(head + body))]))
        for body in (first, second, first)
    ]

    assert digests[0] != digests[1]
    assert digests[0] == digests[2]


@pytest.mark.parametrize(
    "change",
    [{"title": "Other"}, {"policy": {"peek_limit": 1}}, {"version": "1.1"}, {"mutators": []}],
)
def test_a_class_without_source_counts_by_its_values(change: dict[str, object]) -> None:
    assert source_digest(workflow(**change)) != source_digest(workflow())


def test_the_digest_is_the_same_in_every_process() -> None:
    program = (
        "from workflows_app.registry import source_digest\n"
        "from workflows_app.sdk import Every, Producer, Workflow\n"
        "names = {}\n"
        'exec(\'def poll(self, ctx, state): return state in {"a", "b", "c"}\', names)\n'
        "read = type('Read', (Producer,), {'poll': names['poll'], 'schedule': Every(hours=1),\n"
        "            'known': {'x', 'y', 'z'}, 'by': {1: 'a', 'b': 2}, 'other': object()})\n"
        "print(source_digest(type('Flow', (Workflow,), {'producers': [read]})))\n"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=100,
        ).stdout
        for seed in ("1", "2")
    }

    assert len(digests) == 1
