"""The checkers: folds over the history of a run, each deciding one property of ``docs/definitions.md``.

A checker is told every operation, or every case, once (``add``) and then decides (``close``); see ``judge.check``.
"""
