"""Between conversion and loading: what is known of each file, and the work to get to know it."""
