"""The model that searches: random stories of events, outcomes, crashes, people and versions.

| module | what it is |
|---|---|
| `machine` | what may happen, as rules of a Hypothesis state machine |
| `bank` | the outside system, which knows the truth and what the host could know |
| `shop` | the workflow's code, with trouble on demand |
| `people` | who decides what, and when a decision must be refused |
| `releases` | versions, and when one must be refused |
| `promises`, `records` | what must hold after each step: P1 to P3, P4 to P6 |
| `database` | one transaction a story, and commits that fail |
| `rows` | all rows of the project at one moment |
"""
