"""Controls of SIM cards: what a resold card must keep to, seen from reports, told as events, enforced by
orders."""
