"""The door that joins the wings by name: a broker's URL becomes a broker, a TARGET becomes the user's app."""
