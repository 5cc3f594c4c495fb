"""Metadata of items."""

from tieback_contract.metadata import *  # noqa: F403 - all of them

INDEXED_FROM = "indexed_from"
"""The key of an item's metadata that names the source it was indexed from."""
