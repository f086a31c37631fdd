"""Replay: test prompts, streamed through the new setup on migrated conversations, and checks of the responses."""
