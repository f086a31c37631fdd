"""Requests to a host: one attempt, what it tells, when to try again, how fast. It must not know conversations."""
