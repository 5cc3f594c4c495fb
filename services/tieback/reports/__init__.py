"""The frame of every report: what a page is made of, and how it is written.

reports/parts.py        an HTML page that loads nothing and runs nothing
parts.py       its parts: sections, tables, claims, lines with a picture, heat maps, facts
reports/parts.py      what was claimed, what was found and whether it was met
reports/pictures.py      curves over an axis
upgrade/       the page of a collection's upgrade
pictures.py    heat maps, bars and curves as SVG; reports/style.py their scale; style.py how the page looks
markdown.py    tables for pages of docs and for the reports of recipes
"""
