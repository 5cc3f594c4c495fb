"""The part of a content that a vector is of."""

from tieback_contract.locators import *  # noqa: F403 - all of them
