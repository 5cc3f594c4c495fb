"""What every layer shares: types, errors, method families, deadlines."""
