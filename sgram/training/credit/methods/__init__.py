"""The credit methods, a file for each family. A file of this folder that declares a `Method` is found by itself."""
