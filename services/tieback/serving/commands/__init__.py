"""The CLI's commands that need a server's packages; `tieback` loads them by entry point."""
