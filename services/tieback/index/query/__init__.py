"""A search: what was asked for becomes a ranking, and that hits (`index/stages/`)."""
