"""REPORT: one result value, five renderings, and the progress and log lines beside it."""
