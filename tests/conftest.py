"""What all tests need."""

import signal

# A shell that starts something in the background has it ignore SIGINT, and its children too; the
# tests that interrupt a command need one that listens.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
