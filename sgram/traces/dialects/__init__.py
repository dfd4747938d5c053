"""The dialects, a file for each tool or family of tools. A file that declares a `Dialect` is found by itself."""
