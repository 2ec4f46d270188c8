"""The nouns: frozen, without behaviour beyond arithmetic on themselves."""
