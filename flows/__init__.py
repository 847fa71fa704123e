"""The only code that touches the world: Prefect flows, command line, settings, storage."""
