"""A page about a bound joint space, for people: one HTML file that loads nothing.

page.py        the page, from a BoundSpace and what was found live
sections.py    what it says, section by section
claims.py      what the binding claims of itself, held against its targets
neighbours.py  nearest neighbours across modalities, before and after, found live among a folder's photos
joint.py       vectors of the bound space, many at once
pictures.py    heat maps, bars and curves as SVG; colours.py their scale; style.py how the page looks
"""
