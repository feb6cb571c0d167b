"""The database goes away, on a server of these tests' own: nothing is lost or doubled (P1, P2, P3)."""
