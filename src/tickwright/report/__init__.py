"""What a result means: statistics with their formulas, a page to look at, a summary for the terminal."""
