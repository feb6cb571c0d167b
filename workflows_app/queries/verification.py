"""Where a person looks whether an outside effect happened: the author's address, if it is one to follow (P3)."""

from __future__ import annotations

import copy
import logging
from urllib.parse import urlsplit

from workflows_app import registry
from workflows_app.models import Run

logger = logging.getLogger("workflows_app")


def verification_url(run: Run) -> str:
    """Return the http or https address at which a person sees whether the effect of `run` happened.

    Empty if the author gave none, or one that a page must not link to: the log says so. Runs the author's code.
    """
    mutation = run.settled_mutation
    code = registry.mutator(run.workflow.slug, mutation.mutator) if mutation else None
    if mutation is None or code is None:
        return ""
    try:
        url = code().verification_url(copy.deepcopy(mutation.params))
        if not url:
            return ""
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and url.isprintable():
            return str(url)
    except (Exception, SystemExit):
        # The author's code; its failure must not hide the page from whoever has to decide.
        logger.exception("mutator.verification_failed run=%s mutator=%s", run.pk, mutation.mutator)
        return ""
    logger.error(
        "mutator.verification_url_refused run=%s mutator=%s: no http or https address",
        run.pk,
        mutation.mutator,
    )
    return ""
