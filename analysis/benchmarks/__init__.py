"""What our parts are measured against: scripts that run by hand and write tables under analysis/results."""
