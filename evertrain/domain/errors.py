"""The root of Evertrain's own errors. Each error is defined beside the code that raises it."""


class EvertrainError(Exception):
    """Root of every error that Evertrain raises on purpose; its text is one sentence for a person."""
