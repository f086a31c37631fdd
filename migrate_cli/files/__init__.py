"""Between conversion and loading: what is known about each file, and the work that finds it out."""
