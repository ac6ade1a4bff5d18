"""What is raised when a real part cannot be had."""


class CannotBeHad(RuntimeError):
    """A real part is missing; the message is the one line a person needs."""
