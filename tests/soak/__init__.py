"""The long test: `make soak`. Workers are killed, people decide, and at the end all ledgers agree."""
