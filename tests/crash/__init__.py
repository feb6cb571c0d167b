"""Workers that are killed, stopped and cut off, as real processes. Promises P1, P2 and P3."""
