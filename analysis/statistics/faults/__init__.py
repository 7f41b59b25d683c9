"""What windows of faults did: when they were open, who served in them, when fallbacks came and went."""
