"""The long test: `make soak`. Workers are killed, people decide, the outside is away, and all ledgers agree."""
