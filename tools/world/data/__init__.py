"""Tables of the world, and the scripts that make those taken from public sources."""
