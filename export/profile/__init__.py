"""`zoo profile`: measures the operations of a network in a runtime, for `zoo.latency`."""
