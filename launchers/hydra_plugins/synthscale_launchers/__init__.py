"""Hydra launchers that run a study as a plan of shared stages, wherever the processes are."""
