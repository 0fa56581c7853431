"""Synthesis: new problems and the teachers' verified traces, D_syn."""
