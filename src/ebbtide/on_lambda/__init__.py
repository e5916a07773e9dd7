"""The door to AWS Lambda: one handler for all functions of an app, whatever event they are given."""
