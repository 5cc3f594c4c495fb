"""Binding: from stored cards and unpaired data to a joint space whose blocks reach across modalities.

members       which spaces take part          prototypes     what a classifier holds a class to look like
corpus        texts, photos, sounds           anchors        class names, and the user's own pairs
language      sentences written for it       project        the paths, fitted and chosen
route         the routers                     measure        what it is worth, on classes left out
worth         text spaces that add nothing   bind           all of it, step by step
"""

from tieback.recipes.binding.bind import Options, bind

__all__ = ["Options", "bind"]
