"""Where async-lambda's own modules have their classes, for apps that import them from there."""
