"""The checkers: folds over the history of a run, each deciding one property of ``docs/definitions.md``."""
