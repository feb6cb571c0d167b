"""Fields of allauth's forms, in the look of the theme."""

from __future__ import annotations

from django import template
from django.forms import BoundField
from django.utils.safestring import SafeString
from unfold.widgets import INPUT_CLASSES

register = template.Library()


@register.filter
def themed(field: BoundField) -> SafeString:
    """Return the field as the theme draws inputs; without a placeholder, since it has a label."""
    attributes: dict[str, str | bool] = {"class": " ".join(INPUT_CLASSES), "placeholder": ""}
    if field.errors:
        attributes |= {"aria-invalid": "true"}
    return field.as_widget(attrs=attributes)
