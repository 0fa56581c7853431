"""Studies: configs to points and plans, the artifact store, records."""
