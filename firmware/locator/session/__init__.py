"""Deliver: CBOR, track batches, COSE and the conversation with the agent."""
