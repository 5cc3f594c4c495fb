"""Formats of pages: HTML, EPUB, PDF, drawings."""
