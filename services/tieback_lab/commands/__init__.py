"""Commands of the lab: a file here is a command of `tieback` where TIEBACK_EXTENSIONS names `lab`."""
