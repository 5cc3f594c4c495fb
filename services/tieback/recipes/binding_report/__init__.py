"""A page about a bound joint space, for people, in the frame of every report (`reports/`).

page.py        the page, from a JointSpaceArtifact and what was found live
sections.py    what it says, section by section
recipes/binding_report/page.py      what the binding claims of itself, held against its targets
neighbours.py  nearest neighbours across modalities, before and after, found live among a folder's photos
serving/commands/bind_report.py    which binding is meant
"""
