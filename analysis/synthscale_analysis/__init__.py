"""Tables and figures of a study, made from its records alone.

One script per figure, each a function from a DataFrame to a Figure that also runs alone, so that a researcher can copy
one file and change it. Nothing here reads an artifact or imports a training library.
"""
