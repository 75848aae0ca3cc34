"""`bench.proto` and the code generated from it, committed: measuring needs no compiler."""
