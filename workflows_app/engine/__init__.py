"""The host: what advances workflows, as against the authors' code.

Terms. A worker process is one host (`hosting`, `host`). It *claims* workflows (`claims`), *holds* them
(`holding`), and takes *turns* for all that it holds (`turning`, `turn`). A turn is one short transaction: it
reads all it needs in one round trip, under the locks (`sight`); writes what came back from runs and still fits
them (`fitting`, `writing`); chooses what is next (`snapshot`, `planner`) and begins it (`beginning`); and *rests*
workflows in which nothing is due (`resting`). Between turns threads run authors' code and outside calls (`handing`,
`under_way`, `jobs`, `phases`, `naming`). Without a worker, `advancing` does the same in the calling thread.

Who is authoritative. The ledger (`Mutation`) says what is known of the outside world; the claim's token says
who may write; the planner says what is next; `LaneState` says what each lane has (`lanes`). A run's phase is
for people, but for one thing: a sure no that its consumer handles has come past `mutate`.

Failure. Whatever ends a worker, ends it between two transactions: `recovery` decides by the ledger. It is a crash
of the runs whose code was under way; what only waits for a place (`places`) has no claim then, and simply goes on.
"""
