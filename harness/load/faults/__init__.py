"""What is to go wrong, where and when: kinds of faults, the plan that lists them, and whether it makes sense."""
