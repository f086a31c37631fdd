"""Archives of a live source that this program wrote: layout, writing, checking, reading."""
