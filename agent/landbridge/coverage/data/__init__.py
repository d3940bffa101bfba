"""Tables that come with the agent."""
