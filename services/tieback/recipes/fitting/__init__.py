"""Fits the parts of a joint space that are learned. Whoever calls gives what is learned from, in matrices.

projections      a space projection on its anchors
routers          a router for each modality
router_training  the network of a learned router
fixed_weights    weights that are the same for all inputs, and the comparison of candidates
imputations      the blocks of missing spaces
"""
