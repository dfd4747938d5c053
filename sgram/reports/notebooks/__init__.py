"""HTML of values in notebooks, and `show`: a module for each kind of value, whose function `render` returns its HTML."""
