"""The command `async-lambda`, with the words its users know."""
