"""Between values and messages of the contract."""
