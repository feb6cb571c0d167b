"""The type of a text that may be translated as late as it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

StrOrPromise: TypeAlias = "str | _StrPromise"
