"""A page about a collection's upgrade, from its plans and from how far it is, in the frame of every report.

page.py        the page
sections.py    what it says, section by section
"""
