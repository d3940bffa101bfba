"""What the whole fleet learned about networks along a line."""
