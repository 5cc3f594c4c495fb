"""What a call took: its time and its cost."""

from tieback_contract.reports import *  # noqa: F403 - all of them
