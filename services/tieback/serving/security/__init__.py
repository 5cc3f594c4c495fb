"""Credentials, tokens and tenants."""
