"""Every bound that is not a user's setting, in one place and with a name. A bound without a name is a bug.

Units are in the name. A venue's own limits are in its ``rules.py``; a user's are configuration.
"""

from __future__ import annotations

# Events and state
INBOX_EVENTS_MAX = 65_536
FILL_IDS_REMEMBERED = 100_000
DONE_ORDERS_KEPT = 10_000
CLIENT_ID_CHARS_MAX = 32
INTENTS_PER_STEP_MAX = 1_000

# Connections
FRAME_BYTES_MAX = 8 * 1024 * 1024
BODY_BYTES_MAX = 64 * 1024 * 1024
CONNECT_DEADLINE_S = 10.0
CLOSE_DEADLINE_S = 3.0
BACKOFF_FLOOR_S = 0.25
BACKOFF_CEILING_S = 60.0
BACKOFF_STABLE_S = 60.0
SILENCE_FLOOR_S = 2.0
SILENCE_CEILING_S = 10.0
SILENCE_FACTOR = 3.0
READ_RETRIES_MAX = 5
REQUESTS_IN_FLIGHT_MAX = 1_024
OUTBOUND_QUEUE_MAX = 4_096
DEPTH_BUFFER_EVENTS_MAX = 10_000
SNAPSHOT_TRIES_ALERT = 3
CLOCK_SAMPLES = 5

# Files
TAPE_LINE_BYTES_MAX = 16 * 1024 * 1024
CONFIG_BYTES_MAX = 1024 * 1024
