"""Checkers of every run: each operation by itself, its outcome and its route."""
