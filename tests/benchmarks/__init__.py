"""How fast, against what: `make bench`. All contenders in one run, interleaved, on one server."""
