"""Metrics for Prometheus, in prometheus-client's default registry: counters since the start of the agent, and
gauges of the database (operations/metrics.py)."""

from prometheus_client import Counter, Gauge, Histogram

MESSAGES = Counter("landbridge_messages", "Messages received from devices, by outcome.", ["outcome"])
STORED, AGAIN, REFUSED, UNREADABLE, UNKNOWN, EARLIER_EPOCH, THROTTLED = (
    MESSAGES.labels(name)
    for name in ("stored", "again", "refused", "unreadable", "unknown", "earlier_epoch", "throttled")
)
FAULTS = Counter(
    "landbridge_faults", "Messages that the agent could not process because of an internal error."
)
DEAD_LETTERS_DROPPED = Counter(
    "landbridge_dropped_dead_letters", "Dead letters dropped to make room for newer ones."
)
POINTS = Counter("landbridge_points", "Points stored.")
WAITING = Gauge("landbridge_waiting_messages", "Messages received and not stored yet.")
TRANSACTION_S = Histogram(
    "landbridge_transaction_seconds",
    "Time from the first message of a transaction to its commit.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
FAILED = Counter("landbridge_failed_transactions", "Transactions that failed and were retried.")
CONNECTED = Gauge("landbridge_broker_connected", "1 while the agent is connected to the broker.")
RECONNECTS = Counter("landbridge_broker_connections", "Connections made to the broker.")
PUBLISHED = Counter("landbridge_published", "Messages to platforms that the broker has accepted.")
LAST_STORED = Gauge(
    "landbridge_last_stored_timestamp_seconds", "Time of the last stored message, in seconds since 1970."
)
LAST_STORED.set(float("nan"))  # never; no alarm rule matches it
OVERDUE = Gauge(
    "landbridge_overdue_devices", "Devices whose announced session is more than two hours overdue."
)
PENDING_RECOMPUTES = Gauge("landbridge_pending_recomputes", "Devices whose events wait for a recompute.")
OUTBOX = Gauge(
    "landbridge_outbox_messages", "Messages waiting to be published or delivered; counts up to 10,000."
)
DEAD_LETTERS = Gauge("landbridge_dead_letters", "Dead letters in store; counts up to 10,000.")
ALARMS = Gauge("landbridge_open_alarms", "Alarms that are not cleared.", ["severity"])
INTEGRATION_WAITING = Gauge(
    "landbridge_integration_waiting_messages",
    "Messages that an integration has not processed yet, of all tenants; counts up to 10,000.",
    ["integration"],
)
INTEGRATION_FAILING = Gauge(
    "landbridge_integration_failing",
    "1 while the last attempt to deliver to an integration failed.",
    ["integration"],
)
INTEGRATION_RETRYING = Gauge(
    "landbridge_integration_retrying_devices",
    "Devices with a message that an integration refuses.",
    ["integration"],
)
