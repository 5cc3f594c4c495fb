"""A page about a bound joint space, for people, in the frame of every report (`reports/`).

page.py        the page, from a JointSpaceArtifact and what was found live
sections.py    what it says, section by section
claims.py      what the binding claims of itself, held against its targets
neighbours.py  nearest neighbours across modalities, before and after, found live among a folder's photos
artifact.py    which binding is meant
"""
