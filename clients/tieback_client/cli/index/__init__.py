"""`tieback index`: folders of files into a collection."""
