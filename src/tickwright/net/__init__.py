"""Connections: websocket and HTTP sessions, pacing, clock offset. Knows no venue, decides nothing about orders."""
