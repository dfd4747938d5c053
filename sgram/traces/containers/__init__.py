"""Containers: file formats that hold rows. Each is a `Container`; `table` lists them."""
