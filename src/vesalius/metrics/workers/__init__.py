"""Scripts that run in environments of the user's; see `vesalius.metrics.worker`."""
