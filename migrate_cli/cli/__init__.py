"""The command line: options → settings → one call → the result, printed once. No logic lives here.

`app.py` puts the commands together, one module for each group of them; `frame.py` does what all of them share.
"""
