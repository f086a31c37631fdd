"""The ways that the bench compares, each a program of its own: `python -m bench.ways.NAME URL IDS-FILE [--at-once N]`.

They read the threads in the file from the server, and write them to it as conversations.
"""
