"""What points add up to: stops, borders, fences, gaps, arrival. An ordered pass that can be run again."""
