"""Fits the parts of a joint space that are learned. Whoever calls gives what is learned from, in matrices.

projections    a space projection on its anchors, and the choice of its methods
routers        a router for each modality, chosen among candidates
fixed_weights  weights that are the same for all inputs, and the comparison of candidates
block_priors   the weights of blocks of one kind, by which partners are found best
imputations    the blocks of missing spaces, every method of the family, the best first

`recipes/fitting/router_training.py` trains the network of a learned router.
"""
