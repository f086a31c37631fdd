"""A live host that speaks the Assistants API, as a source: ids, listing, paging, reading, in the background."""
