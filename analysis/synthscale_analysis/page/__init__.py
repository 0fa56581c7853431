"""The report's page: one HTML file that needs nothing beside it.

    section    what a section is: a heading, a sentence that says what was found, and charts, tables or a widget
    chart      plotly figures in the house's style
    render     sections to the file
    assets/    its template, style sheet and scripts

What the sections say is in `synthscale_analysis.sections`, one file each.
"""
