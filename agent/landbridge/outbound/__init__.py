"""What leaves the agent: MQTT topics by way of the outbox, and exported files."""
