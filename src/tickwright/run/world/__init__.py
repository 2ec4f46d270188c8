"""What one seed of the simulated world does, who judges it, and the command that runs many."""
