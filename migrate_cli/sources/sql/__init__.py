"""A database's own tables as a source. Must only read."""
