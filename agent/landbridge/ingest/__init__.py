"""From the broker to the database: receive, open, decode, judge, store, acknowledge."""
