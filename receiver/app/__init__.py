"""The three processes: what each of them is made of, and how it lives and ends."""
