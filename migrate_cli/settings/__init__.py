"""Settings from flags, environment, .env and YAML, with sentences for what is wrong. Must not act on them."""
