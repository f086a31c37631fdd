"""One migration as many processes: shards on one machine or on a cluster, and one state file before and after."""
