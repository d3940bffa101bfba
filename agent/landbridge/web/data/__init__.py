"""The base map and the names of places, shipped."""
