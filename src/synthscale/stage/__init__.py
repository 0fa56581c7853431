"""Stages: each makes one artifact from a config and other artifacts."""
