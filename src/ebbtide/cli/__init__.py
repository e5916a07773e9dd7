"""The command line. This file stays empty of imports: worker processes start through `ebbtide.cli.process`."""
