"""The append-only record of events and effects: written before anything is sent, read to recover, to replay and to answer."""
