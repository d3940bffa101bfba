"""The simulated world: route, train, weather, operators, battery, meter, device process."""
