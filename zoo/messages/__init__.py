"""What is said to a user beside results: notes, the nearest name, commands to copy."""
