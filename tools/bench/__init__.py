"""The bench: the same threads, taken over in several ways against a server that costs next to nothing."""
