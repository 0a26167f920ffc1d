"""`python -m zoo` and `torchrun -m zoo`: the `zoo` command."""

from zoo.cli import main

main()
