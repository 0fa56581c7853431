"""Policies: models and tokenizers on disk, the embedded learner, and samplers."""
