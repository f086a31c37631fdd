"""VERIFY: the conversation as it is read back, compared item by item with what it should hold."""
