"""The host: what advances workflows, as against the authors' code.

A worker process is one host. It *claims* workflows, *holds* them, and takes *turns* for all that it holds. A turn is
one short transaction that writes what came back from runs, and begins what is next. Between turns threads run
authors' code and outside calls. To be read in this order:

- Choosing: `planner`, a pure function. `work` and `snapshot` are what it is shown; `lanes` is what is known of each
  lane, kept by statements.
- What becomes of a run: `checkpoint` before its call leaves, `outcomes` of the answer that `answers` has read,
  `commit` at its end, `publications` with it. `retry` ends an attempt and makes the next one, `recovery` decides
  after a crash, `breakers` counts. Each of them is about a `case`: one run, its rows and what is known around it.
- A turn: `turn` looks (`sight`, `standing`), writes (`writing`), begins (`beginning`, `peeking`) and rests (`resting`).
  `turning` takes turns whatever the database does (`outages`). `items` is what goes in and comes out.
- Authors' code: `phases`, in `contexts`, with results that `prepared` checks; `pending` is what they see.
- A worker: `host` is its loop, `hosting` its thread. `claims` says who may write, `holding` what is in hand, `places`
  how much, `moments` when to look, `sharing` what to leave to others. `handing` makes `jobs` of what runs do next, and
  `under_way` keeps them. `late` keeps answers that change nothing any more; `naming` names lanes; `drift` tells of
  clocks.
- A deploy: `versions`, with `orphans`, `adopting` and `renaming`.

Without a worker, `advancing` does all this in the calling thread; `looking` says what is next, for those who check.
`log` is how it is told.

Who is authoritative. The ledger (`Mutation`) says what is known of the outside world; the claim's token says
who may write; the planner says what is next; `LaneState` says what each lane has. A run's phase is for people, but for
one thing: a sure no that its consumer handles has come past `mutate`.

Failure. Whatever ends a worker, ends it between two transactions: `recovery` decides by the ledger. It is a crash
of the runs whose code was under way; what only waits for a place has no claim then, and simply goes on.
"""
