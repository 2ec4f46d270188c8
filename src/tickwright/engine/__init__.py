"""The part that decides: one state, one function that changes it. Synchronous, pure, and the only writer of account and orders."""
