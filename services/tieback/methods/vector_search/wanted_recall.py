"""The fastest search that finds a wanted share of the nearest sections, as measured on the collection.

Queries of the measurement are vectors of the collection with noise, and the ten nearest of each are compared
with those of an exact search. Real queries can be farther from the sections than these, and find less.
"""

from typing import Annotated

from pydantic import Field

from tieback.methods.vector_search import Reach, vector_searches


@vector_searches.method
def wanted_recall(*, recall: Annotated[float, Field(ge=0.5, le=1)] = 0.99) -> Reach:
    """Recall at ten, 0.5 to 1; at 1, every section is compared unless the measurement missed none."""
    return Reach(recall=recall)
