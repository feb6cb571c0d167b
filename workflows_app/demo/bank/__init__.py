"""A small bank, as a process of its own: it takes payments, and fails on purpose."""
