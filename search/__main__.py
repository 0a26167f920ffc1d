"""`python -m search` and `torchrun -m search`: the `search` command."""

from search.cli import main

main()
