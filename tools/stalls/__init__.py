"""Measures every command against every kind of stall: whether it ends, speaks and obeys."""
