"""AWS on a laptop: MiniStack in processes of its own, given the very artefacts that would go to the account."""
