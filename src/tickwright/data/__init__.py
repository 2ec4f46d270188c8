"""Market data that somebody has: files and frames, read strictly, as the events that a venue would have sent."""
