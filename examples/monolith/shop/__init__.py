"""A small shop. Nothing in this package knows whether its functions run in one process or in several."""
