"""Tables, figures and a page of a study, made from its records and from small tables.

One script per figure, each a function from a DataFrame to a Figure that also runs alone, so that a researcher can copy
one file and change it. Artifacts are read in `extract` alone, into those tables; nothing imports a training library.
"""
