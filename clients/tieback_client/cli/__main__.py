"""``python -m tieback_client.cli`` is the command `tieback`."""

from tieback_client.cli import main

main()
