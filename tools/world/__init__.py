"""The simulated world: line, train, weather, operators, battery, meter, device process."""
