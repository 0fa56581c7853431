"""Where the records of the findings lie."""

from pathlib import Path

#: A folder for each study, and the name of its records there, as in the study's own.
RESULTS = Path(__file__).parents[2] / "results"
RECORDS = "results.csv"
