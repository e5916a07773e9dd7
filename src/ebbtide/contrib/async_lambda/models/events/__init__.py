"""A module for each event, as async-lambda has them."""
