"""Conversations at a target, as calls that answer with values. Must not decide what to do next."""
