"""HTML of values in notebooks: a module for each kind of value, whose function `render` returns it; and `show`."""
