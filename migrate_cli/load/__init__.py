"""LOAD: drafts into conversations, by a protocol that neither loses nor duplicates anything (docs/explanation.md)."""
