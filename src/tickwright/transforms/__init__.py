"""Transforms: what market data goes through on its way to a strategy. Synchronous, resettable, without a clock."""
