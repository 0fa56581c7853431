"""What a study found, from its records: `synthscale fit` and `synthscale report`.

    records     a study's table, or any other, checked        curves      which rows are a curve, how it is drawn
    studies     split by task and model                       style       sizes, fonts, axes of static figures
    material    what a report is made from, each thing computed once
    numbers/    what is estimated: means, fits, multipliers, costs, credit, …, and the sentences that say it
    figures/    one short script a figure
    extract/    tables from artifacts, kept beside the report, and what artifacts' manifests say
    sections/   what the page says, a file a section
    page/       how the page is made: one HTML file that needs nothing beside it
    piece       a figure with the tables of its numbers, and how they are written; pieces: those of a report
    report/     the command that writes all of it
    fit/        the command for anyone's table
    findings/   figures and tables of the committed studies, and the keeping of their records

Arrows run from the commands down: report and findings know all others; sections, figures and extract know the
material, which knows numbers and the seconds of extract; of numbers, those of artifacts take the material too.
"""
