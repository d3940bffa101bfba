"""Metrics for Prometheus, in prometheus-client's default registry: counters since the start of the agent, and
gauges of the database (operations/metrics.py)."""

from prometheus_client import Counter, Gauge, Histogram

MESSAGES = Counter("landbridge_messages", "Messages of devices, by what became of them.", ["outcome"])
STORED, AGAIN, REFUSED, UNREADABLE, UNKNOWN, EARLIER_EPOCH, THROTTLED = (
    MESSAGES.labels(name)
    for name in ("stored", "again", "refused", "unreadable", "unknown", "earlier_epoch", "throttled")
)
FAULTS = Counter("landbridge_faults", "Messages that the agent could not take by a fault of its own.")
DEAD_LETTERS_DROPPED = Counter(
    "landbridge_dropped_dead_letters", "Dead letters that were too many to be kept."
)
POINTS = Counter("landbridge_points", "Points that were stored.")
WAITING = Gauge("landbridge_waiting_messages", "Messages that were received and are not stored yet.")
TRANSACTION_S = Histogram(
    "landbridge_transaction_seconds",
    "From the first message of a transaction to its commit.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
FAILED = Counter("landbridge_failed_transactions", "Transactions that failed and were tried again.")
CONNECTED = Gauge("landbridge_broker_connected", "1 while the agent is connected to the broker.")
RECONNECTS = Counter("landbridge_broker_connections", "Connections to the broker that were made.")
PUBLISHED = Counter("landbridge_published", "Messages for platforms that the broker has taken.")
LAST_STORED = Gauge("landbridge_last_stored_timestamp_seconds", "When a message was taken last, since 1970.")
LAST_STORED.set(float("nan"))  # never; no alarm rule matches it
OVERDUE = Gauge("landbridge_overdue_devices", "Devices not heard two hours after the session they announced.")
PENDING_RECOMPUTES = Gauge("landbridge_pending_recomputes", "Devices whose events are to be recomputed.")
OUTBOX = Gauge("landbridge_outbox_messages", "Messages that somebody waits for; 10,000: that many or more.")
DEAD_LETTERS = Gauge("landbridge_dead_letters", "Dead letters that are kept; 10,000: that many or more.")
ALARMS = Gauge("landbridge_open_alarms", "Alarms that are not over.", ["severity"])
INTEGRATION_WAITING = Gauge(
    "landbridge_integration_waiting_messages",
    "Messages, anybody's, that an integration has not come to; 10,000: that many or more.",
    ["integration"],
)
INTEGRATION_FAILING = Gauge(
    "landbridge_integration_failing", "1 when the last try at an integration failed.", ["integration"]
)
INTEGRATION_RETRYING = Gauge(
    "landbridge_integration_retrying_devices",
    "Devices of which an integration refuses a message.",
    ["integration"],
)
