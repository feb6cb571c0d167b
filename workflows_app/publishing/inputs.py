"""Storing inputs: one row for each identity, as it was first registered (P5)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from workflows_app.models import Input, Workflow
from workflows_app.models.copies import new
from workflows_app.models.rows import Instances, columns
from workflows_app.models.saving import insert_all
from workflows_app.sdk.values import InputRef

#: Row by row: a join might read the table to its end.
_KNOWN = """
    SELECT {columns} FROM unnest($2::text[], $3::text[], $4::text[])
           AS wanted(source, type, external_id)
     CROSS JOIN LATERAL (
           SELECT input.* FROM workflows_app_input input
            WHERE input.workflow_id = $1::bigint AND input.source = wanted.source
              AND input.type = wanted.type AND input.external_id = wanted.external_id
            LIMIT 1) input
"""
_FIELDS = tuple(field.name for field in Input._meta.concrete_fields)


def store_inputs(workflow: Workflow, refs: Iterable[InputRef]) -> dict[InputRef, Input]:
    """Return the inputs of these identities, made if new. Needs an open transaction.

    They are inserted in the order of their identities, so that two who insert the same never deadlock.
    """
    wanted: dict[InputRef, InputRef] = {}
    for ref in refs:
        wanted.setdefault(ref, ref)
    found = _known(workflow, list(wanted.values()))
    missing = sorted((ref for ref in wanted.values() if ref not in found), key=_identity)
    made = {
        ref: new(
            Input,
            workflow=workflow,
            source=ref.source,
            type=ref.type,
            external_id=ref.external_id,
            title=ref.title,
        )
        for ref in missing
    }
    insert_all(list(made.values()), unless_there=True)
    found |= {ref: row for ref, row in made.items() if row.pk is not None}
    # Somebody else has inserted it meanwhile.
    return found | _known(workflow, [ref for ref, row in made.items() if row.pk is None])


def _identity(ref: InputRef) -> tuple[str, str, str]:
    return ref.source, ref.type, ref.external_id


def _known(workflow: Workflow, refs: Sequence[InputRef]) -> dict[InputRef, Input]:
    if not refs:
        return {}
    values = [workflow.pk, *columns(map(_identity, refs), 3)]
    rows = Instances(_KNOWN, values, Input, _FIELDS, alias="input").read()
    return {InputRef(row.source, row.type, row.external_id, row.title): row for row in rows}
