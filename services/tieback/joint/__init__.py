"""The joint space in matrices, once: what the router serves, recipes fit and measure, and reports show.

projecting.py      vectors of spaces into blocks
joint/space.py        the blocks of spaces that are missing
block_weights.py   the weights of blocks, by a router
joint/retrieval.py         what a query and a document score
graphs.py          the exported graphs that compute the same, where they can be trusted
space.py           all of it: many inputs at once through a binding, or a part of one
retrieval.py       what is found through it, with a space and without; joint/retrieval.py the measures

Functions of arrays and of the artifact's parts (`models/joint/artifact.py`). Requests are the router's.
"""
