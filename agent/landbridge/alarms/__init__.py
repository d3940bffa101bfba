"""Alarms: raised, acknowledged, cleared; whatever tells of them, a device or what the agent finds out."""
