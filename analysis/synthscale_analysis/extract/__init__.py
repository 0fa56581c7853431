"""Small tidy tables from a study's artifacts, which figures and page are drawn from.

    lineage        from a record to the artifacts that its point was made from, by role
    reading        how solutions of a task are cut into steps, and what is known of them
    credited       a problem's samples with their prefix values and pits
    credit_values  credit.csv: values along the steps, pits, advantages, rollouts
    spurious       spurious.csv: wrong and useless steps of accepted solutions
    training       training.csv: losses and validation by update, thinned
    solutions      solutions.json: some problems with all that is known of their solutions
    provenance     provenance.json: configs, versions, costs, what failed
    tables         where they lie, and how they are read
    extraction     all of them at once, kept where nothing has changed
    stage_seconds  seconds by stage and method, from the manifests

The tables stand in the report's folder, or beside results.csv where results are committed without their artifacts: but
for what manifests tell (seconds by stage, how many problems were sampled), page and figures are made from them alone.
"""
