"""Tables of the lab and what makes them."""
