"""The Hugging Face Hub: addresses, pushing what a command wrote, reading what was pushed."""
