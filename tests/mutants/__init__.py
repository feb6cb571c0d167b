"""Faults that are planted into a copy of the project, to see that the suite catches each of them."""
