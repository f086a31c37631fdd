"""Files that users name, read and written as what they are: plain files, links, pipes, devices."""
