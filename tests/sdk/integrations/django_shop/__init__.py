"""A small shop as a Django application."""
