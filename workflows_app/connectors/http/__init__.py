"""Outside effects over HTTP."""

from workflows_app.connectors.http import checks  # noqa: F401 - registers them
from workflows_app.connectors.http.lookup import HttpLookupMutator
from workflows_app.connectors.http.mutator import HttpMutator
from workflows_app.secrets import Secret

__all__ = ["HttpLookupMutator", "HttpMutator", "Secret"]
