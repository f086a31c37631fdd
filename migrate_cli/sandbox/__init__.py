"""The embedded server: the target on loopback, as strict as the real one, for rehearsals, the demo and tests."""
