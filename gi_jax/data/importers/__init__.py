"""The field's own files turned into the project's tables: one module for each format."""
