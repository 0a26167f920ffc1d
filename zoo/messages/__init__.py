"""Messages to the user: notes, suggestions for misspelled names, commands to copy."""
