"""Outlines of countries."""
