"""Where in a request something is; how a path is written is the contract's."""

from tieback_contract.field_path import *  # noqa: F403 - all of them
