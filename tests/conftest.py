"""Set-up of all tests."""

import signal

# A shell's background processes ignore SIGINT, and so do their children; the tests that interrupt a
# command need the default.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
