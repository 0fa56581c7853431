"""How a report is made unless its options say otherwise."""

#: Draws of each bootstrap, and their seed.
NUM_DRAWS = 1000
SEED = 0
#: Huber's δ for the curves of a study: the order of the seeds' spread in log error. The published 1e-3 is for training
#: losses; see `synthscale.scaling.fit`.
STUDY_DELTA = 0.1
