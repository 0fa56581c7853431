"""Mixtures: graded solutions to training sets of positives and pairs."""
