"""From measurements to a verdict: checkers over the history, criteria over the series, validity of the run."""
