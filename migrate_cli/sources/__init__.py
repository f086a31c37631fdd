"""EXTRACT: everything that can be read as threads. One file for each shape or host, behind `interface.Source`."""
