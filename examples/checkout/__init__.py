"""A shop of five services, and the stories its audit log tells."""
