"""What is wrong, or will be, before it costs an event: each check is a function that returns findings."""
