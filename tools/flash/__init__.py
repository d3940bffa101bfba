"""From the firmware's sources to what lies on a device's flash."""
