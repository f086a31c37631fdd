"""A result becomes a document, and a document becomes text in five formats; progress and log lines beside it."""
