"""What operators scrape: counts since the agent started, by prometheus-client's default registry."""

from prometheus_client import Counter, Gauge, Histogram

MESSAGES = Counter("landbridge_messages", "Messages of devices, by what became of them.", ["outcome"])
STORED, AGAIN, REFUSED, UNREADABLE, UNKNOWN, EARLIER_EPOCH, THROTTLED = (
    MESSAGES.labels(name)
    for name in ("stored", "again", "refused", "unreadable", "unknown", "earlier_epoch", "throttled")
)
FAULTS = Counter("landbridge_faults", "Messages that the agent could not take by a fault of its own.")
LETTERS_DROPPED = Counter("landbridge_dropped_letters", "Dead letters that were too many to be kept.")
POINTS = Counter("landbridge_points", "Points that were stored.")
WAITING = Gauge("landbridge_waiting_messages", "Messages that were received and are not stored yet.")
TRANSACTION_S = Histogram(
    "landbridge_transaction_seconds",
    "From the first message of a transaction to its commit.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
FAILED = Counter("landbridge_failed_transactions", "Transactions that failed and were tried again.")
LAST_STORED = Gauge("landbridge_last_stored_timestamp_seconds", "When messages were stored last, since 1970.")
CONNECTED = Gauge("landbridge_broker_connected", "1 while the agent is connected to the broker.")
RECONNECTS = Counter("landbridge_broker_connections", "Connections to the broker that were made.")
PUBLISHED = Counter("landbridge_published", "Messages for platforms that the broker has taken.")
