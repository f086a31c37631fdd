"""One migration as many processes: shards on one machine or on a cluster, with one state file before and after."""
