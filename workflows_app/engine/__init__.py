"""The host: what advances workflows, as against the authors' code.

Terms. A worker *claims* a workflow, takes *steps* while there is something to do, and *rests* it.
A step looks at the state under the workflow's row lock (`snapshot`), chooses (`planner`), begins
in the same transaction, runs authors' code or an outside call outside of any transaction, and
writes what came of it in another.

Who is authoritative. The ledger (`Mutation`) says what is known of the outside world; the claim's
token says who may write; the planner says what is next. A run's phase is for people.

Failure. Whatever ends a worker, ends it between two transactions: `recovery` decides by the ledger.
"""
