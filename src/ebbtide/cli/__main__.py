"""`python -m ebbtide.cli`: the command line where no `ebbtide` script is on the path."""

from ebbtide.cli.main import main

main()
