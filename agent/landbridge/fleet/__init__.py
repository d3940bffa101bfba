"""The devices the agent knows, and the containers they ride."""
