"""Fan-out: what one save costs one server, and how long it takes, by the number of replicas."""
