"""What the console's home page needs, on whichever page of whichever admin site it stands."""

from __future__ import annotations

from django import template
from django.template import Context

register = template.Library()


@register.simple_tag(takes_context=True)
def put_home(context: Context) -> str:
    """Put what `home.html` shows into the context."""
    # The theme renders templates, and so loads this, while it is being imported itself.
    from workflows_app.admin.dashboard import home

    for name, value in home(context["request"]).items():
        context[name] = value
    return ""
