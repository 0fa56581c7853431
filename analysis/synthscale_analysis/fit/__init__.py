"""`synthscale fit`: a scaling law with intervals, for any table."""
