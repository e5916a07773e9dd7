"""The door to the web: the HTTP routes of an app's tasks, their results and the app's health, served by one process."""
