"""Races between workers, people, publishers and deploys, each with a known winner. Promises P1 to P4."""
