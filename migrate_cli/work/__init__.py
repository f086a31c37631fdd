"""How work is spread and ended: queues, pools, order, time. Must not know what the work is."""
