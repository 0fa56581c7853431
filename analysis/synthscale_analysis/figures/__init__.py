"""One figure a file, each a script: `python -m synthscale_analysis.figures.cost runs/eightfold`."""
