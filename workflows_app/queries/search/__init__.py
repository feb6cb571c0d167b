"""Finding: what a person types, and the inputs, events, runs, effects and decisions it stands for."""

from workflows_app.queries.search.finding import Group, find
from workflows_app.queries.search.hits import Hit, hit_of
from workflows_app.queries.search.terms import LONGEST, NoTerm, Term, term_of

__all__ = ["LONGEST", "Group", "Hit", "NoTerm", "Term", "find", "hit_of", "term_of"]
