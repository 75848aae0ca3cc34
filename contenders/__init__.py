"""Ways to call a function in another process on this host, all behind one call interface."""
