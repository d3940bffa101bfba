"""The session with the agent: CBOR, batches of records, COSE."""
