"""Arrivals handed to users as they become due, by an alarm that is not a millisecond late."""
