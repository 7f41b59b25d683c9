"""Checkers of what faults and overload did: windows, ledger, recovery, and hypotheses about them."""
