"""The agents of a Foundry project: versions that are made, read and deleted, and never changed."""
