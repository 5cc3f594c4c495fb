"""The frame of every report: an HTML page that loads nothing and runs nothing.

parts.py       the page, and its parts: sections, tables, claims, lines with a picture, heat maps, facts
pictures.py    heat maps, bars and lines as SVG; style.py their scale, and how the page looks
markdown.py    tables for pages of docs and for the reports of recipes
binding/       the page of a binding
upgrade/       the page of a collection's upgrade
"""
