"""The rows of a list, as the theme shows them.

The theme renders the headers of a list anew for each of its rows, and a form field for each box that is ticked: more
work than all else of the page. Here what is the same for all rows is rendered once, with the theme's own parts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, time
from types import SimpleNamespace
from typing import Any

from django.contrib.admin.templatetags.admin_urls import add_preserved_filters
from django.contrib.admin.utils import lookup_field
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import DateField, ForeignKey, TimeField
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from unfold.templatetags.unfold_list import (
    CHECKBOX_CLASSES,
    LINK_CLASSES,
    ROW_CLASSES,
    result_headers,
)
from unfold.utils import display_for_field, display_for_label, display_for_value

_BOX = "action_checkbox"
#: Stands for the number of a row in what is rendered once.
_NUMBER = "ops-number"


@dataclass(frozen=True)
class _Column:
    """One column: its cells' tag, with and without a break within the cell, and whether they lead to the row."""

    name: str
    tag: str
    begin: SafeString
    begin_unbroken: SafeString
    is_link: bool


def listed(changelist: Any) -> dict[str, Any]:
    """Return what the theme's table of a list shows: its headers, and its rows as cells."""
    headers = list(result_headers(changelist))
    return {
        "cl": changelist,
        "result_headers": headers,
        "num_sorted_fields": sum(bool(each["sortable"] and each["sorted"]) for each in headers),
        "rows": list(_rows(changelist, headers)),
    }


def _rows(changelist: Any, headers: list[dict[str, Any]]) -> Iterator[list[SafeString]]:
    admin = changelist.model_admin
    columns = list(_columns(changelist, headers))
    box = str(admin.action_checkbox(SimpleNamespace(pk=_NUMBER)))
    empty = admin.get_empty_value_display()
    #: Labels of states are templates; a list has few states.
    labels: dict[tuple[str, Any], str] = {}
    kept = None
    for row in changelist.result_list:
        address = changelist.url_for_result(row)
        if kept is None:
            # What leads back to the list with its filters.
            options = {"preserved_filters": changelist.preserved_filters, "opts": changelist.opts}
            kept = add_preserved_filters(options, address).removeprefix(address)
        cells = []
        for column in columns:
            if column.name == _BOX:
                text, is_unbroken = mark_safe(box.replace(_NUMBER, str(row.pk))), False  # noqa: S308 - a number
            else:
                text, is_unbroken = _text(column.name, row, admin, empty, labels)
            if column.is_link:
                text = format_html(
                    '<a href="{}" class="{}" >{}</a>', address + kept, " ".join(LINK_CLASSES), text
                )
            begin = column.begin_unbroken if is_unbroken else column.begin
            cells.append(format_html("{}{}</{}>", begin, text, column.tag))
        yield cells


def _columns(changelist: Any, headers: list[dict[str, Any]]) -> Iterator[_Column]:
    has_link = False
    for name, header in zip(changelist.list_display, headers, strict=True):
        is_link = name in (changelist.list_display_links or ())
        tag = "th" if is_link and not has_link else "td"
        has_link = has_link or is_link
        own = CHECKBOX_CLASSES if name == _BOX else [f"field-{name}", *ROW_CLASSES]
        label = _("Select record") if name == _BOX else header["text"]
        begin, unbroken = (
            format_html('<{} class="{}" data-label="{}">', tag, " ".join(classes), label)
            for classes in (own, [*own, "nowrap"])
        )
        yield _Column(name, tag, begin, unbroken, is_link)


def _text(
    name: str, row: Any, admin: Any, empty: str, labels: dict[tuple[str, Any], str]
) -> tuple[Any, bool]:
    """Return what a cell says, and whether it stays in one line."""
    try:
        field, attribute, value = lookup_field(name, row, admin)
    except ObjectDoesNotExist:
        return empty, False
    if field is not None and not field.auto_created:
        is_unbroken = isinstance(field, DateField | TimeField | ForeignKey)
        if isinstance(field, ForeignKey):
            near = getattr(row, field.name)
            return (empty if near is None else near), is_unbroken
        return display_for_field(value, field, empty), is_unbroken
    empty = getattr(attribute, "empty_value_display", empty)
    label = getattr(attribute, "label", False)
    if label:
        if (name, value) not in labels:
            labels[name, value] = display_for_label(value, empty, label)
        return labels[name, value], False
    told = display_for_value(value, empty, getattr(attribute, "boolean", False))
    return told, isinstance(value, date | time)
