"""The command line: options → settings → one call → the result, printed once. It must hold no logic of a stage.

`app.py` puts the commands together, one module for each group of them; `frame.py` does what all of them share.
"""
