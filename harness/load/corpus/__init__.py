"""What is asked: a file of scenarios, the priorities and kinds in it, and the order in which users draw them."""
