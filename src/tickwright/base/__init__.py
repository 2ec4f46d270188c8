"""Ground floor: numbers, clocks, ids, errors, limits and chance. Knows nothing of trading and imports nothing of the project."""
