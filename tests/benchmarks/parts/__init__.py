"""The parts of a run, each of which measures one thing and gives numbers as JSON."""
