"""Upgrades of a collection's space: fitted, measured, compared."""
