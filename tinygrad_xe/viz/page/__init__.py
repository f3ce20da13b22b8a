"""The style sheet and the script of the explorer's page."""
