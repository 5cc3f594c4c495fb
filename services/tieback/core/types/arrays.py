"""Arrays, and places in a text, a picture or a sound."""

from tieback_contract.arrays import *  # noqa: F403 - all of them
