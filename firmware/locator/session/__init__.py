"""Deliver: CBOR, track batches, COSE and the session with the agent."""
