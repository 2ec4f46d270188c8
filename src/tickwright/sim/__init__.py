"""Markets and exchanges that are not there: matching, latency, fees, generated and recorded markets, the in-process venue."""
