"""Which tests of the index run over both stores, the embedded one and Milvus, and which do not and why."""

from __future__ import annotations

EMBEDDED, MILVUS = "embedded", "milvus"

OVER_BOTH = frozenset(
    {
        "test_collapse",
        "test_collections",
        "test_default_fusion",
        "test_diversity",
        "test_filter_values",
        "test_highlights",
        "test_ignored_dimensions",
        "test_limits",
        "test_metadata",
        "test_pages",
        "test_query_plans",
        "test_search",
        "test_search_properties",
        "test_sources",
        "test_tenants",
        "test_upsert",
        "test_words",
    }
)
"""Modules that state what the port promises."""

_INSIDE = "looks into the embedded store"
_REGIONS = "regions of photos are refused in Milvus"
EMBEDDED_ALONE = {
    "test_a_cancelled_request_that_still_waits_is_withdrawn": _INSIDE,
    "test_a_collection_takes_a_thousand_sources_and_no_more": _INSIDE,
    "test_a_page_ends_early_where_its_items_are_large": "texts of 1 MB are refused in Milvus",
    "test_a_plan_is_restored_with_its_collection": "there are no snapshots in Milvus",
    "test_a_slow_filter_ends_with_its_deadline_and_lets_writes_in": _INSIDE,
    "test_a_text_that_a_reindex_splits_is_one_text": "reindexing is refused in Milvus",
    "test_concurrent_requests_share_commits": _INSIDE,
    "test_many_keys_cost_no_more_memory_than_some_times_their_size": "of the embedded store's memory",
    "test_metadata_of_every_type_survives_the_store_compaction_and_a_restart": _INSIDE,
    "test_photos_with_regions_stay_beside_texts": _REGIONS,
    "test_slow_filters_end_when_their_callers_go": _INSIDE,
    "test_the_best_part_of_a_photo_is_by_what_counts_for_photos": _REGIONS,
    "test_the_sections_of_documents_have_theirs": "ranking documents is refused in Milvus",
    "test_too_many_waiting_searches_are_refused_with_the_time_to_come_back": _INSIDE,
    "test_what_belongs_together_is_known_after_a_change_a_compaction_and_a_restart": _INSIDE,
}
"""Tests of those modules that are of the embedded store, and why."""

SLOW_IN_MILVUS = {"test_an_item_of_ten_thousand_sections_is_one_item"}
"""Tests that only `scripts/test all` runs over Milvus."""


def stores_of(module: str, test: str) -> tuple[str, ...]:
    """The stores that a test runs over."""
    over_both = module.rpartition(".")[2] in OVER_BOTH and test not in EMBEDDED_ALONE
    return (EMBEDDED, MILVUS) if over_both else (EMBEDDED,)
