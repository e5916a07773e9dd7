"""Brokers: where messages wait. Each adapter keeps the promises of the port in `ebbtide.broker`."""
