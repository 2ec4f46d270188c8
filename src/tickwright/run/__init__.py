"""The only room that knows which mode this is: configuration, secrets, composition, the shell, and what commands do."""
