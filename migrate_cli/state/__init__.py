"""STATE: the SQLite file that remembers what was moved where. `store.py` is the only writer; `reader.py` only reads."""
