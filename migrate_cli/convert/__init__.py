"""CONVERT: threads to drafts. Pure: values in, values out; nothing here reads a file, a clock or the network."""
