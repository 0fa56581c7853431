"""Evaluation: verdicts on a policy's solutions, and figures with intervals from them."""
