"""A host that still answers the Assistants API, as a source: ids, listing, paging, reading, in the background."""
