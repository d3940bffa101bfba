"""The simulated world: line, train, weather, operators, battery, meter, and the device process in it."""
