"""What makes `record()` know the database library it is called under."""
