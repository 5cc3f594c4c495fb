"""The stages of a query, in order, as data: the options that each reads, and what it goes together with.

`Retrieve` runs its own (`answer/stages/`), of which one is `Search`, which runs the index's. Both check what
they are asked for by this list, and so does a collection whose plan chooses options. A store that cannot do a
stage names it. Of a query, what the request says wins: what its collection chooses beside it, and what does
not go together with it, is left out.
"""
