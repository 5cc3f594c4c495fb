"""Binding: from stored cards and unpaired data to a joint space whose blocks reach across modalities.

participants        which spaces take part, and the options
pairs               participants that pairs bind
training_set        everything that is learned from, as vectors
blocks              the blocks, and the projection of each space into its own
dual_encoders       encoders that share a space
anchoring           the anchors of each projection, and all projections fitted by them
partners            what texts of each kind are to find, for the routers
tasks               the retrieval tasks that are measured
measure             the numbers of the report
replacing           one component replaced, with all else as it was; replacement_fit has what is learned
bind                all of it, step by step

What is learned is fitted by `recipes/fitting/`.
"""

from tieback.recipes.binding.bind import bind
from tieback.recipes.binding.participants import BindingOptions
from tieback.recipes.binding.replacing import Replacement, replace_component

__all__ = ["BindingOptions", "Replacement", "bind", "replace_component"]
