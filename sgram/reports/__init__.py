"""Pages and figures for people. Knows nothing about how numbers came."""
