"""The part that decides: one state and one function that changes it. Pure, and the only writer of account and orders."""
