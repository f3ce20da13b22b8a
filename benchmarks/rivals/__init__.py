"""One file for each other engine, each written in that engine's fastest ordinary way."""
