"""The index service: collections of items that are durable in LanceDB and searched in memory by faiss.

Where to look:

    service.py      the methods of `IndexPort`: finds the collection, hands the work on, reports the time
    lifecycle.py    collections are made and removed
    item_writer.py  items are checked, admitted and written
    query.py        what a search asks for, checked
    collection.py   what belongs to one collection: sound, or damaged
    opening.py      opens a collection, or finds what can still be read of a damaged one
    ownership.py    the collections of all tenants, and which of them the one that calls may use
    served.py       the spaces that are served, and which collections are stale by that
    quotas.py       how much a tenant stores, against how much it may
    validation.py   items of a request → records fit to be written, or the reason why not
    texts.py        how long texts and ids may be, and what they may hold
    writer.py       one writer per collection: waiting requests share one durable commit
    store.py        the folder: its lock, its format, its collections
    table.py        one collection on disk: append, compaction, recovery of the acknowledged version
    lance.py        LanceDB and PyArrow, without pandas
    reading.py      what can be read of a table: all rows
    versions.py     the versions of a table on disk, and the note of which was acknowledged
    generations.py  vectors of another space, made beside a collection until they take its place
    snapshots.py    collections are kept as they are, and restored
    snapshot_files.py the folders of snapshots: filled, hashed, verified
    snapshot_manifest.py what is in one, and its format
    snapshot_catalog.py which there are, and whose
    snapshot_transfer.py exports and imports, part by part
    snapshot_archive.py a snapshot as one tar file
    originals.py    what pictures, sounds and clouds were encoded from
    references.py   which of them the collections refer to
    durability.py   what Lance wrote → forced to the disk, or removed again
    full_disk.py    the errors of a full disk, whoever met them
    records.py      records ⇄ Arrow rows
    entries.py      a living item in memory
    memory.py       one collection in memory, rebuilt from the table at start
    item_rows.py    rows of a table read as items, many at once
    kept_items.py   the living items, by id and by the positions of their sections
    kept_rows.py    their rows as Arrow columns
    unused_memory.py gives memory back that a start needed for moments
    vectors.py      faiss: exact for small collections, inverted lists for large ones
    byte_scan.py    which of few vectors can be the nearest, by copies in bytes
    growing.py      from the one kind to the other, beside the searches
    training.py     when that is done, and codecs are learned
    codec_choice.py what the choice of a codec gives: the codec, and the store of vectors
    coded_vectors.py vectors by a codec: candidates by rows in memory, compared by rows on disk
    listed_vectors.py the same of very many: sorted into lists, of which the nearest are looked into
    position_lists.py the lists, and how many of them are enough
    learned_vectors.py vectors by a codec that is learned from them: exact until there are enough
    learned_state.py what was learned of the vectors, in the folder of the collection's table
    row_file.py     rows on disk by position, in a file without a name
    token_rows.py   vectors of the tokens of texts, pooled and coded, on the disk
    region_vectors.py vectors of the regions of sections, in half precision
    nearest.py      the best sections by whole and best region
    facts.py        what filters read, of sections and of items
    columns.py      the values of one field
    lists.py        which of them are lists, and of what
    metadata.py     an item's metadata: what is taken, and how it is kept
    key_budget.py   how many keys the metadata of a collection may have
    filters/        the filter language: text → tree → a mask over the rows
    words/          full text in memory: terms, postings, BM25
    search.py       a search: a ranking, and what is answered of it
    ranking.py      sections ranked by a vector, by words, or by both
    feedback.py     the query of a second search, by the hits of the first
    documents.py    items ranked as whole documents, with their best sections
    grouping.py     sections become hits: one for each short text, at most so many of one item
    collapsing.py   which sections are pieces of one short text
    diversity.py    hits that are unlike those before them
    balance.py      scores of several modalities made comparable
    searched.py     which vectors a search looks through, for the measurement of how far it has to look
    page.py         a page of a listing, bounded by bytes
    page_token.py   where a listing goes on
    size.py         how much an index holds
    inspection.py   which collections of a store are damaged, for `tieback doctor`
"""

from tieback.index import lance  # noqa: F401 - first: it loads PyArrow without pandas
from tieback.index.service import Index

__all__ = ["Index"]
