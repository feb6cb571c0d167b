"""Attributes that authors meant for the host, misspelt or in the wrong place: it would never look at them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from difflib import get_close_matches
from inspect import get_annotations, getattr_static

from workflows_app.conf import OF_PROCESS, OF_WORKFLOW, Policy
from workflows_app.errors import DefinitionError

#: What subclasses may have although their base has not.
OPTIONAL = {
    "Consumer": ("record",),
    "Mutator": (
        "reconcile",
        "needs_second_person",
    ),
}
_POLICY = frozenset(field.name for field in fields(Policy)) - OF_PROCESS
#: What each class alone is asked for. Words that authors use for things of their own, as `title`, are none of these.
_PLACES = {
    "Workflow": ("time_zone", "secret_fields"),
    "Mutator": (
        *("absence_is_proof_after", "key_lasts", "must_say", "result_fields", "secret_params"),
        "needs_second_person",
    ),
    "Consumer": ("subscribes", "handles_rejection"),
}
_PLACE_OF = {name: place for place, names in _PLACES.items() for name in names}
#: `absence_is_proof` is just as close to its right name; `prepare_lines` is far from `prepare`.
_CUTOFF = 0.84


def require_well_spelt(who: str, cls: type, base: type) -> None:
    """Check what authors wrote into `cls` and its bases, up to `base`. Raises DefinitionError.

    What begins with an underscore is never taken for a name of the host's.
    """
    package = base.__module__.partition(".")[0]
    ours = [each for each in cls.__mro__ if each.__module__.partition(".")[0] == package]
    optional = OPTIONAL.get(base.__name__, ())
    known = {name for each in ours for name in [*vars(each), *get_annotations(each)]}
    known.update(optional)
    # The host's own questions are class methods: no author means to answer them.
    settable = sorted(name for name in known if name in optional or _is_an_author_s(cls, name))
    for each in cls.__mro__:
        if each in ours or not issubclass(each, base):
            continue
        for name in vars(each):
            if name.startswith("_") or name in known:
                continue
            if name in _POLICY or name in _PLACE_OF:
                raise DefinitionError(
                    f"{who}: the host does not look for '{name}' here. {_right_place(name, base)} If you mean"
                    f" something else, choose another name, or one that begins with an underscore."
                )
            meant = _meant(name, settable)
            if meant is not None:
                raise DefinitionError(
                    f"{who}: the host knows no '{name}'. Did you mean '{meant}'? If not, choose a"
                    f" name that is less like it, or one that begins with an underscore."
                )


def _right_place(name: str, base: type) -> str:
    if name in _PLACE_OF:
        return f"It belongs to the {_PLACE_OF[name]}."
    has_it = hasattr(base, "policy") and not (base.__name__ == "Mutator" and name in OF_WORKFLOW)
    whose = "" if has_it else " of the Workflow"
    return f"It is a key of `policy`{whose}: write policy = {{'{name}': ...}}."


def _is_an_author_s(cls: type, name: str) -> bool:
    return not name.startswith("_") and not isinstance(getattr_static(cls, name, None), classmethod)


def _meant(name: str, settable: Sequence[str]) -> str | None:
    """Return the one of `settable` that `name` was probably to be."""
    swapped = {name[:at] + name[at + 1] + name[at] + name[at + 2 :] for at in range(len(name) - 1)}
    close = [each for each in settable if each in swapped or each in _with_unit(name)]
    close += get_close_matches(name, settable, n=1, cutoff=_CUTOFF)
    return close[0] if close else None


def _with_unit(name: str) -> tuple[str, ...]:
    return (f"{name}_seconds", f"{name}_bytes")
