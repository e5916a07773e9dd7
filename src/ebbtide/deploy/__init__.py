"""Putting an app into the user's own AWS account: settings, checks, template, bundle, and what becomes of them."""
