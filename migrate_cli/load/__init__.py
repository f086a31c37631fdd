"""LOAD: drafts into conversations, by a protocol that neither loses nor doubles (README, "How resuming works")."""
