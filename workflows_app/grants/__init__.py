"""What a role may do that runs the console, the workers and the commands: rows, and of some not all (P2, P4).

Two roles share the work. One owns the tables: it migrates, and could switch the guards off. The other one runs,
and has the privileges of this module and no more; so a fault in the code, or a stranger in it, can't rewrite
what was decided. `manage.py grant_role` grants them, `doctor` checks them.
"""

from workflows_app.grants.giving import grant, statements
from workflows_app.grants.looking import lacking, too_much
from workflows_app.grants.powers import power_over_guards

__all__ = ["grant", "lacking", "power_over_guards", "statements", "too_much"]
