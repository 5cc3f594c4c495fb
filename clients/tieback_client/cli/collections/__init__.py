"""Commands on collections: upgrades, snapshots, backups, operations."""
