"""Calls to a server: channels, attempts, streams."""
