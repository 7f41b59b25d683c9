"""What goes between workers and master: messages, what was sent and not confirmed, what was received."""
