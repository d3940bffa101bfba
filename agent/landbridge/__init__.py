"""The agent of the Landbridge container locator: receives, stores and passes on positions."""
