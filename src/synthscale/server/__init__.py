"""The OpenAI-compatible completions protocol: a client, a served checkpoint, a journal of answers."""
