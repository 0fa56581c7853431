"""The findings: every figure and table of analysis/FINDINGS.md, from the records that are committed.

    python -m synthscale_analysis.findings                    all studies, or --study NAME
    python -m synthscale_analysis.findings.keep runs/NAME     a finished study's records into analysis/results/NAME

Which figures belong to which study stands in `contents`, which may name these `pieces` and those of a report.
"""
