"""`python -m twinlake`."""

from twinlake.cli.main import main

main()
