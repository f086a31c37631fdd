"""Saved data as a source: files, folders, archives and streams of them. Must not know where items go."""
