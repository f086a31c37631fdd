"""Vector stores: what becomes of each at the target, from the request that makes it to the end of its indexing."""
