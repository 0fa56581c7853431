"""`synthscale report`: page, figures and tables of a study."""
