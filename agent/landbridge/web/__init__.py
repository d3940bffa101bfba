"""HTTP API and pages: reads the store, acts through `fleet`."""
