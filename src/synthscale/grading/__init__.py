"""`synthscale grade`: the verifier on a file of predictions, in processes, with what decided each verdict."""
