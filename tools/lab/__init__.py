"""The scheduler lab: trips in slots of half an hour, policies, the clairvoyant bound, a report."""
