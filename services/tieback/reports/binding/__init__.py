"""A page about a bound joint space, for people, in the frame of every report.

page.py        the page, from a JointSpaceArtifact and photos that were searched through it
sections.py    what it says, section by section
photos.py      what was near the photos of a folder
"""
