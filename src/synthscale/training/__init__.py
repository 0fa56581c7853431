"""Training: encoded examples, mixed batches, the Lightning module, validation."""
