"""The sandbox's `/responses`: strict about requests, deterministic in its answers, real in its streams."""
