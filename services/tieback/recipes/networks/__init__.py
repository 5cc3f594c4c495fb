"""Networks and files of weights that exports read."""
