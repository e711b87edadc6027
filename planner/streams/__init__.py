"""The best set of streams for throughput: what may run where, and which of it together."""
