"""Commands that ask: search, ask, check, rerank, encode."""
