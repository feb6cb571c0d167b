"""Every text can be translated, and German is complete."""

from __future__ import annotations

from django.contrib import admin
from django.utils.functional import Promise

from tests.translations.catalogue import compiled, problem_of, said, texts, translated
from tests.translations.plain import plain_texts

OURS = ("workflows_app", "procrastinate")
RENEW = "run `make messages`, and translate what it names"


def test_german_has_all_that_is_said_and_nothing_else() -> None:
    assert texts(translated()).keys() == texts(said()).keys(), RENEW


def test_each_translation_is_whole() -> None:
    problems = {each.id: problem_of(each) for each in translated() if each.id}
    assert {message: why for message, why in problems.items() if why} == {}, RENEW


def test_pages_use_what_the_catalogue_says() -> None:
    assert texts(compiled()) == texts(translated()), RENEW


def test_no_template_says_anything_that_can_not_be_translated() -> None:
    assert plain_texts() == []


def test_all_that_pages_call_their_rows_and_fields_can_be_translated() -> None:
    models = [each for each in admin.site._registry if each._meta.app_label in OURS]
    named = {
        f"{model.__name__}.{field.name}": field.verbose_name
        for model in models
        for field in model._meta.fields
        if not field.primary_key
    } | {model.__name__: model._meta.verbose_name for model in models}
    assert {name: told for name, told in named.items() if not isinstance(told, Promise)} == {}
    jargon = {
        "actor",
        "fencing token",
        "mutation",
        "operator action",
        "params",
        "procrastinate job",
    }
    assert not jargon & {str(told) for told in named.values()}, "docs/glossary.md has the words"
