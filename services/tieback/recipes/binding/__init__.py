"""Binding: from stored cards and unpaired data to a joint space whose blocks reach across modalities.

options     what is bound, and how                  blocks       the blocks, and each space's own way in
members     which spaces take part                  anchoring    the anchors of each path
pairs       members that pairs bind                 paths        all dense paths, fitted twice
language    captions and sentences written for it   term_paths   the paths of sparse spaces
material    all that is learned from, as vectors    duals        encoders that share a space
kinds       texts by what they speak of             partners     what routers learn from
tasks       what is looked for                      measure      what it is worth
bind        all of it, step by step

What is learned is fitted by `recipes/fitting/`.
"""

from tieback.recipes.binding.bind import bind
from tieback.recipes.binding.options import Options

__all__ = ["Options", "bind"]
