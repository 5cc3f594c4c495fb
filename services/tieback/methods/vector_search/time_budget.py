"""The search that finds most in the time given, as measured on the collection.

How long searches of each breadth take, and the share of the nearest sections that they find, is measured on
the collection's own vectors. Of the breadths whose time fits, the one with the best recall is taken, and of
several the smallest. Times follow the load of the machine, so measured ones are corrected by those of the
last searches of this method. If none fits, the narrowest is taken: it is not checked again whether it was in
time.
"""

from typing import Annotated

from pydantic import Field

from tieback.methods.vector_search import Reach, vector_searches


@vector_searches.method
def time_budget(*, milliseconds: Annotated[float, Field(ge=0, le=600_000)] = 0.0) -> Reach:
    """Time of the search by the vector alone; 0 for half of what is left until the deadline of the call."""
    return Reach(seconds=milliseconds / 1000 if milliseconds else float("inf"))
