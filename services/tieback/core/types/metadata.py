"""Keys of metadata that the platform writes."""

INDEXED_FROM = "indexed_from"
"""The key of an item's metadata that names the source it was indexed from."""
