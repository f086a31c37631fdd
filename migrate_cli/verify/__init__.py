"""VERIFY: the conversation as it is read back, marched item by item against what it should hold."""
