"""Campaigns: long runs that look for what a test cannot find in seconds."""
