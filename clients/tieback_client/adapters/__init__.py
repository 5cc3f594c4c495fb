"""The SDK within frameworks: one module for each, which imports its framework when it is imported itself.

They are thin: a framework's question becomes one call of the SDK, and what comes back its own types. Errors
are those of `tieback_client`.
"""
